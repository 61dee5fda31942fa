package clustertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Node is a loopback address with a folder. It is a cluster.Node, Executor, Files and Processes.
type Node struct {
	name string
	addr netip.Addr
	dir  string

	mu      sync.Mutex
	daemons map[string]*daemon
}

var _ interface {
	cluster.Node
	cluster.Executor
	cluster.Files
	cluster.Processes
} = (*Node)(nil)

// Name is "n1", "n2", ….
func (n *Node) Name() string { return n.name }

// Can says that everything works but the network, the clock and the disk.
func (n *Node) Can() cluster.Caps { return cluster.Exec | cluster.File | cluster.Kill | cluster.Pause }

// Dir is the node's folder, below the test's own.
func (n *Node) Dir() string { return n.dir }

// Peer gives the node's one address.
func (n *Node) Peer(context.Context) ([]netip.Addr, error) { return []netip.Addr{n.addr}, nil }

// Dial connects to a port of the node.
func (n *Node) Dial(ctx context.Context, port int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", net.JoinHostPort(n.addr.String(), strconv.Itoa(port)))
}

// Exec runs a command here.
func (n *Node) Exec(ctx context.Context, c cluster.Cmd) (cluster.Output, error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, &out, &errs
	err := cmd.Run()
	o := cluster.Output{Stdout: out.Bytes(), Stderr: errs.Bytes()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return o, &cluster.ExitError{Node: n.name, Args: c.Args, Status: exit.ExitCode(), Stderr: errs.String()}
	case err != nil:
		return o, fmt.Errorf("%s: run %v: %w", n.name, c.Args, err)
	}
	return o, nil
}

// Put writes a file.
func (n *Node) Put(_ context.Context, path string, r io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, mode)
}

// Get copies a file, or the end of it.
func (n *Node) Get(_ context.Context, path string, w io.Writer, limit int64) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if limit > 0 && int64(len(b)) > limit {
		b = b[int64(len(b))-limit:]
	}
	_, err = w.Write(b)
	return err
}

// Start starts a daemon; that it runs already is no error.
func (n *Node) Start(_ context.Context, d cluster.Daemon) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old := n.daemons[d.Name]; old != nil && old.running() {
		return nil
	}
	p, err := start(d)
	if err != nil {
		return fmt.Errorf("%s: start %s: %w", n.name, d.Name, err)
	}
	n.daemons[d.Name] = p
	return nil
}

// Signal sends a signal to the daemon's group and waits until it took effect.
func (n *Node) Signal(ctx context.Context, name string, sig cluster.Signal) error {
	if p := n.daemon(name); p != nil && p.running() {
		if err := p.signal(ctx, sig); err != nil {
			return fmt.Errorf("%s: signal %s to %s: %w", n.name, sig, name, err)
		}
	}
	return nil
}

// Status says how a daemon is.
func (n *Node) Status(_ context.Context, name string) (cluster.Process, error) {
	p := n.daemon(name)
	if p == nil {
		return cluster.Process{Name: name}, nil
	}
	s := cluster.Process{Name: name, Running: p.running(), Started: p.started, Age: time.Since(p.started)}
	if s.Running {
		s.Pids = []int{p.pid}
		s.Paused = p.stopped()
	}
	return s, nil
}

func (n *Node) daemon(name string) *daemon {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.daemons[name]
}

// kill ends every daemon; the end of a test.
func (n *Node) kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.daemons {
		if p.running() {
			p.send(cluster.SigKill)
			<-p.done
		}
	}
}
