package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// Cluster is the nodes of one run, the network between them and the database on them.
type Cluster struct {
	ID    string
	Nodes []Node
	Net   Net // nil where the network cannot be cut
	DB    Database
	// Grace is how long after healing the database may need before final reads count.
	Grace time.Duration

	mu   sync.Mutex
	cuts map[string][]Edge
}

// Node gives a node by its name.
func (c *Cluster) Node(name string) (Node, error) {
	for _, n := range c.Nodes {
		if n.Name() == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("no node %q: the nodes are %v", name, c.Names())
}

// Names lists the nodes' names in their order.
func (c *Cluster) Names() []string {
	s := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		s[i] = n.Name()
	}
	return s
}

// ErrNoNet is the error of a network fault where the network cannot be cut.
var ErrNoNet = errors.New("the network of this cluster cannot be cut")

// Cut makes edges the share of owner (a fault's window) in the one desired state of the network, and sets
// the whole state; nil takes the owner's share away. Overlapping faults compose this way, and a healing
// process that knows no other owner heals everything.
func (c *Cluster) Cut(ctx context.Context, owner string, edges []Edge) error {
	if c.Net == nil {
		return ErrNoNet
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cuts == nil {
		c.cuts = map[string][]Edge{}
	}
	if len(edges) == 0 {
		delete(c.cuts, owner)
	} else {
		c.cuts[owner] = slices.Clone(edges)
	}
	return c.Net.Set(ctx, c.desired())
}

// Desired is the union of all owners' edges, sorted.
func (c *Cluster) Desired() []Edge {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desired()
}

// Share is what owner alone has cut, nil for nothing.
func (c *Cluster) Share(owner string) []Edge {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.cuts[owner])
}

func (c *Cluster) desired() []Edge {
	var all []Edge
	for _, es := range c.cuts {
		all = append(all, es...)
	}
	slices.SortFunc(all, Edge.Compare)
	return slices.Compact(all)
}

// Spec is what a cluster should be.
type Spec struct {
	ID        string            // "" lets the provider choose one
	Nodes     int               // 1, 3, 5, 7
	Target    string            // whose image the nodes run
	Image     fs.FS             // Dockerfile and what it copies; nil for the plain base
	BuildArgs map[string]string // the Dockerfile's
	Programs  []Program         // what must be there on nodes without an image
	Leave     bool              // it is to outlive this process
	Daemons   []string          // names of the daemons a node runs, so that heal can resume them
	Seed      uint64            // of the draws of nodes that are simulated
	Log       func(string)      // one line of progress: what is being done; nil for none
}

// Program is a command that a target's automation runs on a node, and the package of Debian that has it.
type Program struct{ Name, Package string }

// Provider makes clusters.
type Provider interface {
	// Up makes a cluster and connects to every node; the database is not started. On an error nothing is left.
	Up(context.Context, Spec) (*Cluster, error)
	// Find gives the clusters that Partita made here and that are still there, whoever made them. One that
	// cannot be logged in to is still listed, without Nodes, so that it can be taken down.
	Find(context.Context) ([]*Cluster, error)
	// Attach connects to every node of a cluster that was left up.
	Attach(ctx context.Context, id string) (*Cluster, error)
	// Down removes everything that carries the cluster's label. Doing it twice is no error.
	Down(context.Context, *Cluster) error
	// Close lets go of connections; the cluster stays.
	Close(*Cluster) error
}
