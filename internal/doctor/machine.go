package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/partita-dev/partita/cluster"
)

// Machine is what the doctor asks of the machine it runs on. Here gives the real one; tests replace parts.
type Machine struct {
	Root   string                                                           // where the file system begins: "/"
	UID    int                                                              // 0: may install and start things
	Getenv func(string) string                                              // PARTITA_NO_INSTALL, PARTITA_AGENT
	Look   func(name string) (string, error)                                // finds a program
	Run    func(ctx context.Context, out io.Writer, args ...string) error   // runs a program to its end
	Spawn  func(log string, args ...string) error                           // starts a program that outlives Partita
	Ping   func(context.Context) (apiVersion string, err error)             // asks the engine
	Image  func(ctx context.Context, name string) (present bool, err error) // asks the engine for an image
	Free   func(path string) (bytes uint64, err error)                      // space left on a file system
	// Namespaces makes the namespaces of a node and throws them away; Container does so with a container.
	Namespaces func(context.Context) error
	Container  func(context.Context) error
	OpenFiles  func() (uint64, error) // how many files a process may open
	Programs   []cluster.Program      // what the targets run on nodes without an image
	Every      time.Duration          // how often a starting engine is asked
	Wait       time.Duration          // how long an engine may take to start
}

// Here is the machine Partita runs on. The engine is looked for where DOCKER_HOST says, else at its usual socket.
func Here() *Machine {
	return &Machine{
		Root: "/", UID: os.Getuid(), Getenv: os.Getenv, Look: look,
		Run: run, Spawn: spawn, Ping: ping, Image: image, Free: free,
		Namespaces: tryNamespaces, Container: tryContainer, OpenFiles: openFiles,
		Every: 200 * time.Millisecond, Wait: time.Minute,
	}
}

// look finds a program, also in the system folders that an ordinary user's PATH leaves out.
func look(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p, e := exec.LookPath(filepath.Join(dir, name)); e == nil {
			return p, nil
		}
	}
	return "", err
}

func run(ctx context.Context, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second // a daemon that a package's script started may keep our pipe open
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return err
}

// spawn gives up all three streams and the session: a daemon that kept one of them would hang whoever waits
// for Partita's output, and one in our session would get the terminal's Ctrl-C.
func spawn(log string, args ...string) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, out, out
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

func engine() (*client.Client, error) { return client.New(client.FromEnv) }

func ping(ctx context.Context) (string, error) {
	c, err := engine()
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return r.APIVersion, err
}

func image(ctx context.Context, name string) (bool, error) {
	c, err := engine()
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := c.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("reference", name)})
	return len(r.Items) > 0, err
}

func openFiles() (uint64, error) {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	return r.Max, err
}

func free(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}

func (m *Machine) path(p string) string { return filepath.Join(m.Root, p) }

func (m *Machine) has(name string) bool {
	_, err := m.Look(name)
	return err == nil
}

// comm is the name of the living process with this id, "" when there is none. A zombie keeps its name and its
// id while nobody waits for it (a container's pid 1 may never do), and is no daemon.
func (m *Machine) comm(pid string) string {
	b, err := os.ReadFile(m.path("/proc/" + pid + "/stat"))
	if err != nil {
		return ""
	}
	stat := string(b)
	i, j := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if i < 0 || j < i || strings.HasPrefix(stat[j:], ") Z") {
		return ""
	}
	return stat[i+1 : j]
}

// running reports whether any living process has this name.
func (m *Machine) running(name string) bool {
	procs, err := filepath.Glob(m.path("/proc/[0-9]*"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(procs, func(p string) bool { return m.comm(filepath.Base(p)) == name })
}

// removeStale takes away a pid file that names a process which is not the daemon it stands for. A pid file
// that outlived a reboot or a kill -9 often names somebody else's process by then, and the daemon refuses to
// start beside it.
func (m *Machine) removeStale(w io.Writer, file, daemon string) error {
	p := m.path(file)
	b, err := os.ReadFile(p)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read %s: %w", p, err)
	}
	pid := strings.TrimSpace(string(b))
	if _, err := strconv.Atoi(pid); err == nil && m.comm(pid) == daemon {
		return nil
	}
	_, _ = fmt.Fprintf(w, "removing %s: process %q is not %s\n", p, pid, daemon)
	if err := os.Remove(p); err != nil {
		return fmt.Errorf("remove the stale %s: %w", p, err)
	}
	return nil
}
