package cluster

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// Caps is what can be done to a node. A fault that needs more than a node can is refused by name before the run.
type Caps uint16

// The powers a node may have.
const (
	Exec    Caps = 1 << iota // run commands
	File                     // read and write files
	Network                  // cut it off from its peers
	Kill                     // kill and start the database
	Pause                    // stop and continue the database's processes
	Clock                    // set the clock
	Disk                     // break the disk
)

var capNames = []struct {
	c    Caps
	name string
}{{Exec, "exec"}, {File, "files"}, {Network, "net"}, {Kill, "kill"}, {Pause, "pause"}, {Clock, "clock"}, {Disk, "disk"}}

// Has reports whether all of want are there.
func (c Caps) Has(want Caps) bool { return c&want == want }

// String lists the powers.
func (c Caps) String() string {
	var s []string
	for _, n := range capNames {
		if c.Has(n.c) {
			s = append(s, n.name)
		}
	}
	return strings.Join(s, ",")
}

// Node is one host of a cluster.
type Node interface {
	Name() string
	Can() Caps
	// Dir is the node's own data folder (namespaces share a file system).
	Dir() string
	// Peer gives the node's addresses as the other nodes see it, IPv4 first. Ask after every start.
	Peer(context.Context) ([]netip.Addr, error)
	// Dial connects the controller to a TCP port of the node.
	Dial(ctx context.Context, port int) (net.Conn, error)
}

// Forwarder is a Node from which its peers can be reached: what a client that runs on the node would reach, so
// that a cut between the two holds for it.
type Forwarder interface {
	// Forward connects from the node to a TCP port of one of its peers, as the node sees it. The connection has
	// deadlines. That nobody listens there is an error.
	Forward(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

// Cmd is a command for a node: a list of arguments, never a line for a shell.
type Cmd struct {
	Args  []string
	Stdin io.Reader
	Limit int // bytes of output that are kept (the end of it); 0: 1 MiB
}

// Output is what a command printed, cut to the limit from the front.
type Output struct {
	Stdout, Stderr []byte
}

// Executor is a Node that runs commands. An error names the node, the command, the exit status and the end of stderr.
type Executor interface {
	Exec(ctx context.Context, cmd Cmd) (Output, error)
}

// ExitError is a command that ended with a status other than 0.
type ExitError struct {
	Node   string
	Args   []string
	Status int
	Stderr string // the end of it
}

func (e *ExitError) Error() string {
	s := fmt.Sprintf("%s: %s: exit status %d", e.Node, strings.Join(e.Args, " "), e.Status)
	if e.Stderr != "" {
		s += ": " + e.Stderr
	}
	return s
}

// Files is a Node whose files can be written and read.
type Files interface {
	// Put writes a file (through a temporary one beside it), making its folder.
	Put(ctx context.Context, path string, r io.Reader, mode fs.FileMode) error
	// Get copies a file, or the last limit bytes of it when limit > 0.
	Get(ctx context.Context, path string, w io.Writer, limit int64) error
}

// Daemon is a long-running command that the agent starts in a session of its own and watches.
type Daemon struct {
	Name string            `json:"name"`
	Args []string          `json:"args"`
	Env  map[string]string `json:"env,omitempty"`
	Dir  string            `json:"dir,omitempty"`
	User string            `json:"user,omitempty"` // "" for the agent's own
	Log  string            `json:"log,omitempty"`  // file that gets its stdout and stderr, appended
}

// Process is how a daemon is.
type Process struct {
	Name    string        `json:"name"`
	Running bool          `json:"running"`
	Paused  bool          `json:"paused"` // every thread is stopped
	Pids    []int         `json:"pids,omitempty"`
	Started time.Time     `json:"started,omitzero"`
	Exit    string        `json:"exit,omitempty"`  // how it ended: "exit status 1", "signal: killed"
	Asked   bool          `json:"asked,omitempty"` // it ended after a signal of ours, not by itself
	Age     time.Duration `json:"age,omitempty"`
}

// Signal is what can be sent to a daemon.
type Signal string

// The signals faults and automation use.
const (
	SigKill Signal = "KILL"
	SigTerm Signal = "TERM"
	SigStop Signal = "STOP"
	SigCont Signal = "CONT"
)

// Processes is a Node that starts daemons and signals them: always the whole process group.
type Processes interface {
	// Start starts the daemon; that it runs already is no error.
	Start(ctx context.Context, d Daemon) error
	// Signal sends sig to every process of the daemon and waits until it took effect (gone, stopped, going on).
	// A daemon that does not run is no error.
	Signal(ctx context.Context, daemon string, sig Signal) error
	// Status says how the daemon is.
	Status(ctx context.Context, daemon string) (Process, error)
}

var nameRE = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,63}$`)

// CheckName refuses a name (of a node, a cluster, a target) that could do harm in a path, a label or a command.
func CheckName(what, name string) error {
	if !nameRE.MatchString(name) || name == "." || name == ".." {
		return fmt.Errorf("bad %s name %q: expected 1 to 63 of a-z A-Z 0-9 . _ -", what, name)
	}
	return nil
}
