package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/partita-dev/partita/cluster"
)

const defaultLimit = 1 << 20 // bytes of each output that are kept

// Exec runs a command and waits for its end. When ctx is over the command is killed and its channel closed.
// Stdin is read until its end or the command's; a Stdin that never ends must be closed by the caller. A status
// other than 0 is a *cluster.ExitError; the output that there was is given beside any error.
func (c *Client) Exec(ctx context.Context, cmd cluster.Cmd) (cluster.Output, error) {
	limit := cmd.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	stdout, stderr := &tail{limit: limit}, &tail{limit: limit}
	err := c.run(ctx, cmd.Args, cmd.Stdin, stdout, stderr)
	return cluster.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, err
}

// run runs a command with the given streams.
func (c *Client) run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer, stderr *tail) error {
	s, err := c.open(ctx, args)
	if err != nil {
		return err
	}
	in, err := s.StdinPipe()
	if err != nil {
		_ = s.Close()
		return c.fail(args, err)
	}
	out := &gate{w: stdout}
	defer out.close()
	group := &leader{w: out}
	s.Stdout, s.Stderr = group, stderr
	if err := c.start(ctx, s, args, sayLeader); err != nil {
		return err
	}
	src := &source{Reader: stdin, kill: func() { c.kill(s, group) }}
	if stdin == nil {
		_ = in.Close()
	} else {
		go src.feed(in) // not waited for: a Stdin that blocks is its owner's to close
	}
	done := make(chan error, 1)
	c.spawn(func() { done <- s.Wait() })
	select {
	case err = <-done:
	case <-ctx.Done():
		c.kill(s, group)
		return c.fail(args, context.Cause(ctx))
	}
	_ = s.Close()
	group.flush()
	if e := src.failed.Load(); e != nil {
		return c.fail(args, fmt.Errorf("read its input: %w", *e))
	}
	if err != nil {
		return c.exitError(args, err, stderr)
	}
	return nil
}

// source is a command's input; failed is its own error, which io.Copy would mix with the connection's.
type source struct {
	io.Reader
	kill   func()
	failed atomic.Pointer[error]
}

// Read remembers an error.
func (r *source) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.failed.Store(&err)
	}
	return n, err
}

// feed copies the input. When the source fails the command is killed instead of being told that the input
// ended: it must not take half for the whole. An error of the connection shows as the command's own end.
func (r *source) feed(in io.WriteCloser) {
	_, _ = io.Copy(in, r)
	if r.failed.Load() != nil {
		r.kill()
		return
	}
	_ = in.Close()
}

// gate passes output on until it is closed: what a killed command still sends must not reach a writer whose
// owner was told that the command is over.
type gate struct {
	mu     sync.Mutex
	w      io.Writer
	closed bool
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, io.ErrClosedPipe
	}
	return g.w.Write(p)
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

// open opens a channel. NewSession waits for the peer without end, so it waits beside ctx; a channel that
// opens too late is closed.
func (c *Client) open(ctx context.Context, args []string) (*ssh.Session, error) {
	type result struct {
		s   *ssh.Session
		err error
	}
	got := make(chan result, 1)
	c.spawn(func() {
		s, err := c.ssh.NewSession()
		got <- result{s, err}
	})
	select {
	case r := <-got:
		if r.err != nil {
			return nil, c.fail(args, r.err)
		}
		return r.s, nil
	case <-ctx.Done():
		c.spawn(func() {
			if r := <-got; r.err == nil {
				_ = r.s.Close()
			}
		})
		return nil, c.fail(args, context.Cause(ctx))
	}
}

// start sends the command, in bounded time; before is what the remote shell does first.
func (c *Client) start(ctx context.Context, s *ssh.Session, args []string, before string) error {
	line, err := Quote(args)
	if err != nil {
		_ = s.Close()
		return fmt.Errorf("%s: run a command: %w", c.node, err)
	}
	started := make(chan error, 1)
	c.spawn(func() { started <- s.Start(before + line) })
	select {
	case err = <-started:
	case <-ctx.Done():
		_ = s.Close()
		return c.fail(args, context.Cause(ctx))
	}
	if err != nil {
		_ = s.Close()
		return c.fail(args, err)
	}
	return nil
}

// exitError turns the end of a command into what callers look for.
func (c *Client) exitError(args []string, err error, stderr *tail) error {
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		text := end(stderr.Bytes())
		if exit.Signal() != "" {
			text = strings.TrimSpace("killed by SIG" + exit.Signal() + " " + text)
		}
		return &cluster.ExitError{Node: c.node, Args: args, Status: exit.ExitStatus(), Stderr: text}
	}
	return c.fail(args, err)
}

// fail says the node and the command, and whether the connection is what failed.
func (c *Client) fail(args []string, err error) error {
	var missing *ssh.ExitMissingError
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && (c.lost() || errors.As(err, &missing) || errors.Is(err, io.EOF)) {
		return fmt.Errorf("%s: %s: %w: %w: is the node up?", c.node, strings.Join(args, " "), ErrLost, err)
	}
	return fmt.Errorf("%s: %s: %w", c.node, strings.Join(args, " "), err)
}

func (c *Client) lost() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}
