package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/cluster"
)

// startLimit is how long a new agent may need until it listens.
const startLimit = 20 * time.Second

type serveOptions struct {
	dir, name, sum string
	port           int
}

const usage = `usage: partita agent start --dir DIR --name NODE [--port N] [--sum SHA256]   start the agent, in the background
       partita agent serve (the same flags)                                start it, in the foreground
       partita agent connect --dir DIR                                      speak to it over stdin and stdout
These are for Partita itself, which calls them on nodes.
`

// Main is the subcommand `agent`: args is what follows that word. It gives the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o serveOptions
	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { _, _ = fmt.Fprint(stderr, usage) }
	fs.StringVar(&o.dir, "dir", "", "the agent's folder")
	fs.StringVar(&o.name, "name", "", "the node's name")
	fs.StringVar(&o.sum, "sum", "", "sha256 of this binary")
	fs.IntVar(&o.port, "port", DefaultPort, "where probes are heard")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return 0
		}
		_, _ = fmt.Fprintf(stderr, "partita agent: %v\n", err)
		return 254
	}
	err := bad("expected one of start, serve, connect\n%s", usage)
	if fs.NArg() == 1 && filepath.IsAbs(o.dir) {
		switch fs.Arg(0) {
		case "start":
			return status(stderr, start(o))
		case "serve":
			return status(stderr, serveMain(o))
		case "connect":
			return status(stderr, bridge(o.dir, stdin, stdout))
		}
	} else if fs.NArg() == 1 {
		err = bad("--dir %q is no absolute path", o.dir)
	}
	return status(stderr, err)
}

func status(stderr io.Writer, err error) int {
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintf(stderr, "partita agent: %v\n", err)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeBad {
		return 254
	}
	return 3
}

func socketPath(dir string) string { return filepath.Join(dir, "agent.sock") }

func (o serveOptions) check() error {
	if err := cluster.CheckName("node", o.name); err != nil {
		return bad("%v", err)
	}
	if o.port < 1 || o.port > 65535 {
		return bad("%d is no port", o.port)
	}
	if n := len(socketPath(o.dir)); n > 107 {
		return bad("the agent's folder %s is too long by %d bytes for a unix socket", o.dir, n-107)
	}
	return nil
}

// start starts an agent in a session of its own and comes back when it listens. One of the same binary that runs
// already is left alone; one of another is asked to end, which it does unless somebody holds the node.
func start(o serveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("make the agent's folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*startLimit)
	defer cancel()
	unlock, err := lock(ctx, filepath.Join(o.dir, "start.lock"))
	if err != nil {
		return err
	}
	defer unlock()
	h, err := greet(o.dir)
	if err == nil && h.Node == o.name && h.Port == o.port && (o.sum == "" || h.Sum == o.sum) {
		return nil
	}
	if e := new(Error); err == nil || errors.As(err, &e) { // an agent, but not this one
		if _, err := ask[Hello](o.dir, opQuit, nil); err != nil {
			return fmt.Errorf("replace the agent that runs (node %s, port %d): %w", h.Node, h.Port, err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(o.dir, "agent.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the agent's log: %w", err)
	}
	defer func() { _ = out.Close() }()
	ready, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = ready.Close() }()
	c := exec.Command(self, "agent", "serve", "--dir", o.dir, "--name", o.name, "--sum", o.sum, "--port", fmt.Sprint(o.port))
	c.Dir, c.Stdout, c.Stderr, c.ExtraFiles = "/", out, out, []*os.File{theirs}
	c.Env = append(os.Environ(), readyEnv+"=3")
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := c.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the agent: %w", err), theirs.Close())
	}
	if err := theirs.Close(); err != nil {
		return fmt.Errorf("close a pipe: %w", err)
	}
	if err := ready.SetReadDeadline(time.Now().Add(startLimit)); err != nil {
		return fmt.Errorf("wait for the agent: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(ready, 4096))
	switch {
	case err != nil:
		return errors.Join(fmt.Errorf("wait for the agent: %w: see agent.log in %s", err, o.dir), c.Process.Kill())
	case string(said) != "ok":
		return fmt.Errorf("start the agent: %s (see agent.log in %s)", said, o.dir)
	}
	return c.Process.Release()
}

// readyEnv names the descriptor over which a starting agent says that it listens, or why not.
const readyEnv = "PARTITA_AGENT_READY"

// serveMain is the daemon.
func serveMain(o serveOptions) error {
	ready := func(string) {}
	if os.Getenv(readyEnv) == "3" {
		f := os.NewFile(3, "ready")
		syscall.CloseOnExec(3)
		if err := os.Unsetenv(readyEnv); err != nil {
			return err
		}
		ready = func(text string) {
			_, _ = io.WriteString(f, text)
			_ = f.Close()
		}
	}
	err := serve(o, func() { ready("ok") })
	if err != nil {
		ready(err.Error())
	}
	return err
}

func serve(o serveOptions, ready func()) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("make the agent's folder: %w", err)
	}
	if err := os.Chmod(o.dir, 0o700); err != nil {
		return fmt.Errorf("close the agent's folder to others: %w", err)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, quit := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer quit()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	locking, cancel := context.WithTimeout(ctx, startLimit/2)
	unlock, err := lock(locking, filepath.Join(o.dir, "agent.lock"))
	cancel()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := newServer(ctx, o, log, quit)
	if err != nil {
		return err
	}
	// The lock is ours, so that a socket that is there is a dead agent's.
	if err := os.Remove(socketPath(o.dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove an old socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", socketPath(o.dir))
	if err != nil {
		return fmt.Errorf("listen for controllers: %w", err)
	}
	log.Info("the agent listens", "node", o.name, "pid", os.Getpid(), "port", o.port)
	ready()
	err = s.serve(ctx, l)
	log.Info("the agent ends", "err", err)
	return err
}

// lock makes sure that one process at a time has a file, and waits for it until ctx ends. The kernel frees the lock
// of a process that ended in any way.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a lock: %w", err)
	}
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: another process has it: %w", path, err), f.Close())
		}
	}
}

// bridge joins two streams with the agent's socket, until the agent closes it or both directions ended.
func bridge(dir string, in io.Reader, out io.Writer) error {
	c, err := net.Dial("unix", socketPath(dir))
	if err != nil {
		return fmt.Errorf("reach the agent: %w (does it run? `partita agent start`)", err)
	}
	defer func() { _ = c.Close() }()
	go func() {
		_, _ = io.Copy(c, in)
		_ = c.(*net.UnixConn).CloseWrite()
	}()
	if _, err = io.Copy(out, c); err != nil {
		return fmt.Errorf("carry the agent's answers: %w", err)
	}
	return nil
}

func greet(dir string) (Hello, error) {
	return ask[Hello](dir, opHello, helloRequest{Protocol: Protocol})
}

// ask asks the agent of a folder of this machine one thing.
func ask[T any](dir, op string, body any) (v T, err error) {
	c, err := net.Dial("unix", socketPath(dir))
	if err != nil {
		return v, err
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(startLimit / 2)); err != nil {
		return v, err
	}
	b, err := json.Marshal(body)
	if err == nil {
		b, err = json.Marshal(request{ID: 1, Op: op, Body: b})
	}
	if err == nil {
		_, err = c.Write(append(b, '\n'))
	}
	if err != nil {
		return v, err
	}
	line, err := readLine(bufio.NewReader(c))
	if err != nil {
		return v, err
	}
	var a answer
	if err := json.Unmarshal(line, &a); err != nil {
		return v, err
	}
	if a.Error != nil {
		return v, a.Error
	}
	if len(a.Body) == 0 {
		return v, nil
	}
	return v, json.Unmarshal(a.Body, &v)
}
