package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/ssh"
)

// DefaultAgentDir is where the agent lives on a node. It is not kept across a reboot, and need not be.
const DefaultAgentDir = "/run/partita"

// Config says what a node is and how to reach it.
type Config struct {
	SSH      ssh.Config // with Node, Signer and HostKey; Timeout bounds one try
	Dir      string     // the node's data folder
	AgentDir string     // "": DefaultAgentDir
	// Installed is the sum of the agent's binary where whoever made the node put the controller's own into AgentDir:
	// it is not copied then. "": it is copied where it is missing.
	Installed string
	// Holder is the controller's id: it holds the node, and whoever else wants to is refused. "" only looks,
	// runs commands and heals.
	Holder string
	Lease  time.Duration                               // 0: the agent's default
	Can    cluster.Caps                                // 0: all that SSH and the agent give
	Peer   func(context.Context) ([]netip.Addr, error) // required
	Dial   func(ctx context.Context, port int) (net.Conn, error)
}

// Node is a node that is reached over SSH. It implements cluster.Node, Executor, Files, Processes and Forwarder.
type Node struct {
	cfg Config

	// turn has one place, for who looks at or makes connections: one connection a node. A channel and not a
	// mutex, since a call waits for another's reconnecting no longer than its own deadline.
	turn   chan struct{}
	ssh    *ssh.Client
	agent  *agent.Client
	closed bool
}

var (
	_ cluster.Node      = (*Node)(nil)
	_ cluster.Executor  = (*Node)(nil)
	_ cluster.Files     = (*Node)(nil)
	_ cluster.Processes = (*Node)(nil)
	_ cluster.Forwarder = (*Node)(nil)
)

// ErrClosed is the error of a call on a node after Close.
var ErrClosed = errors.New("the node was closed")

// retryEvery is how long a port that is not yet open is left alone.
const retryEvery = 50 * time.Millisecond

// New gives a node that connects when it is first used.
func New(cfg Config) (*Node, error) {
	if err := cluster.CheckName("node", cfg.SSH.Node); err != nil {
		return nil, err
	}
	if cfg.AgentDir == "" {
		cfg.AgentDir = DefaultAgentDir
	}
	if cfg.Can == 0 {
		cfg.Can = cluster.Exec | cluster.File | cluster.Network | cluster.Kill | cluster.Pause
	}
	return &Node{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// Attach gives a node that is connected to: it logs in, trying again until ctx is over while nothing answers on the
// port yet, installs the agent and connects to it. A refused key, or a host key that is not the pinned one, is an
// error at once.
func Attach(ctx context.Context, cfg Config) (*Node, error) {
	n, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := n.attach(ctx); err != nil {
		return nil, errors.Join(err, n.Close(false))
	}
	return n, nil
}

func (n *Node) attach(ctx context.Context) error {
	t := time.NewTicker(retryEvery)
	defer t.Stop()
	for {
		c, err := ssh.Dial(ctx, n.cfg.SSH)
		if err == nil {
			n.ssh = c // nobody else has n yet
			break
		}
		if !errors.Is(err, ssh.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-t.C:
		}
	}
	_, err := n.control(ctx)
	return err
}

// lock waits for the turn.
func (n *Node) lock(ctx context.Context) error {
	select {
	case n.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: wait for a connection that is being made: %w", n.Name(), context.Cause(ctx))
	}
}

func (n *Node) unlock() { <-n.turn }

// shell gives the SSH connection, a new one when the last was lost.
func (n *Node) shell(ctx context.Context) (*ssh.Client, error) {
	if err := n.lock(ctx); err != nil {
		return nil, err
	}
	defer n.unlock()
	return n.shellLocked(ctx)
}

func (n *Node) shellLocked(ctx context.Context) (*ssh.Client, error) {
	if n.closed {
		return nil, fmt.Errorf("%s: %w", n.Name(), ErrClosed)
	}
	if n.ssh != nil && !over(n.ssh.Lost()) {
		return n.ssh, nil
	}
	if n.ssh != nil {
		_ = n.ssh.Close()
		n.ssh = nil
	}
	c, err := ssh.Dial(ctx, n.cfg.SSH)
	if err != nil {
		return nil, err
	}
	n.ssh = c
	return c, nil
}

// control gives the connection to the agent. When the last was lost the agent is installed anew, which does
// nothing where it still runs and starts it where the node was restarted.
func (n *Node) control(ctx context.Context) (*agent.Client, error) {
	if err := n.lock(ctx); err != nil {
		return nil, err
	}
	defer n.unlock()
	if n.agent != nil && !over(n.agent.Lost()) {
		return n.agent, nil
	}
	if n.agent != nil {
		_ = n.agent.Close(false) // it is lost: nothing can be told to it
		n.agent = nil
	}
	c, err := n.shellLocked(ctx)
	if err != nil {
		return nil, err
	}
	// Whoever does not want to hold the node does with the agent that is there: `partita heal` of another build must
	// work while a controller that died still holds it.
	var notInstalled error
	if n.cfg.Installed != "" {
		notInstalled = agent.Start(ctx, c, n.Name(), n.cfg.AgentDir, n.cfg.Installed)
	} else {
		notInstalled = agent.Install(ctx, c, n.Name(), n.cfg.AgentDir)
	}
	if notInstalled != nil && n.cfg.Holder != "" {
		return nil, notInstalled
	}
	a, err := agent.Connect(ctx, c, agent.Options{Node: n.Name(), Dir: n.cfg.AgentDir, Holder: n.cfg.Holder, Lease: n.cfg.Lease})
	if err != nil {
		return nil, errors.Join(notInstalled, err)
	}
	n.agent = a
	return a, nil
}

func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// reconnectLimit bounds the reconnecting that a use of the network does on its way.
const reconnectLimit = 5 * time.Second

// Member is the node as agent.Net sees it. It reconnects when the connection was lost; a node that cannot be
// reached has no Client.
func (n *Node) Member() agent.Member {
	ctx, cancel := context.WithTimeout(context.Background(), reconnectLimit)
	defer cancel()
	a, err := n.control(ctx)
	if err != nil {
		a = nil
	}
	return agent.Member{Name: n.Name(), Client: a, Peer: n.Peer}
}

// Name is the node's name.
func (n *Node) Name() string { return n.cfg.SSH.Node }

// Can says what can be done to the node.
func (n *Node) Can() cluster.Caps { return n.cfg.Can }

// Dir is the node's data folder.
func (n *Node) Dir() string { return n.cfg.Dir }

// Peer gives the node's addresses as the other nodes see it.
func (n *Node) Peer(ctx context.Context) ([]netip.Addr, error) { return n.cfg.Peer(ctx) }

// Dial connects to a TCP port of the node.
func (n *Node) Dial(ctx context.Context, port int) (net.Conn, error) { return n.cfg.Dial(ctx, port) }

// Forward connects from the node to one of its peers, over SSH.
func (n *Node) Forward(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	c, err := n.shell(ctx)
	if err != nil {
		return nil, err
	}
	return c.Forward(ctx, to)
}

// Exec runs a command over SSH.
func (n *Node) Exec(ctx context.Context, cmd cluster.Cmd) (cluster.Output, error) {
	c, err := n.shell(ctx)
	if err != nil {
		return cluster.Output{}, err
	}
	return c.Exec(ctx, cmd)
}

// Put writes a file over SSH.
func (n *Node) Put(ctx context.Context, path string, r io.Reader, mode fs.FileMode) error {
	c, err := n.shell(ctx)
	if err != nil {
		return err
	}
	return c.Put(ctx, path, r, mode)
}

// Get copies a file over SSH.
func (n *Node) Get(ctx context.Context, path string, w io.Writer, limit int64) error {
	c, err := n.shell(ctx)
	if err != nil {
		return err
	}
	return c.Get(ctx, path, w, limit)
}

// Start starts a daemon through the agent.
func (n *Node) Start(ctx context.Context, d cluster.Daemon) error {
	a, err := n.control(ctx)
	if err != nil {
		return err
	}
	return a.Start(ctx, d)
}

// Signal signals a daemon through the agent.
func (n *Node) Signal(ctx context.Context, daemon string, sig cluster.Signal) error {
	a, err := n.control(ctx)
	if err != nil {
		return err
	}
	return a.Signal(ctx, daemon, sig)
}

// Status asks the agent how a daemon is.
func (n *Node) Status(ctx context.Context, daemon string) (cluster.Process, error) {
	a, err := n.control(ctx)
	if err != nil {
		return cluster.Process{}, err
	}
	return a.Status(ctx, daemon)
}

// Undo takes every fault away that stands on the node: rules, and daemons that were stopped. Anybody may, also
// a Node without a Holder.
func (n *Node) Undo(ctx context.Context) error {
	a, err := n.control(ctx)
	if err != nil {
		return err
	}
	return a.Undo(ctx)
}

// Close lets go of the connections, first undoing every fault when undo is set. Daemons go on. Doing it twice is
// no error.
func (n *Node) Close(undo bool) error {
	n.turn <- struct{}{} // every holder of the turn is bounded
	defer n.unlock()
	n.closed = true
	var err error
	if n.agent != nil {
		err = n.agent.Close(undo)
		n.agent = nil
		if errors.Is(err, agent.ErrLease) {
			err = nil // somebody healed the node: everything is undone already
		}
	}
	if n.ssh != nil {
		err = errors.Join(err, n.ssh.Close())
		n.ssh = nil
	}
	return err
}
