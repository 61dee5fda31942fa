package nemesis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// View is what a fault's plan may look at.
type View struct {
	Nodes     []string
	Primaries []string // who leads now, as far as is known
	Selector  string   // what stands behind the colon: "primaries", "halves", "n1|n2+n3"
	ID        string   // the window's, unique in the run
}

// Spec is a fault that was planned: plain JSON, enough to begin it, to go on with it and to undo it in
// another process. It is on disk, fsynced, before anything happens.
type Spec struct {
	ID     string         `json:"id"`
	Fault  string         `json:"fault"` // "partition:primaries"
	Harmed []string       `json:"harmed"`
	Sides  [][]string     `json:"sides,omitempty"`
	Edges  []cluster.Edge `json:"edges,omitempty"` // who must not hear whom
	Data   history.Value  `json:"data,omitempty"`  // what else the fault needs
}

// Fault is one kind of thing that the nemesis breaks.
type Fault interface {
	// Needs is what nodes must be able to do for it.
	Needs() cluster.Caps
	// Selectors lists what may stand behind the colon with a sentence for each, the default first.
	Selectors() []Selector
	// Plan chooses what to break. It is pure: the same view and draws give the same Spec.
	Plan(View, *rand.Rand) (Spec, error)
	// Step begins the fault (n = 0) and goes on with it (n = 1, 2, …) after again; again = 0: nothing more to
	// do until Undo. It never sleeps.
	Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (again time.Duration, err error)
	// Undo heals from the Spec alone; after half a Step, in another process, twice: no error.
	Undo(ctx context.Context, c *cluster.Cluster, s Spec) error
	// Observe probes once. seen: the fault is there now. gone: it certainly is not (neither: in between).
	Observe(ctx context.Context, c *cluster.Cluster, s Spec) (o Observation, err error)
}

// Observation is one probe of a fault.
type Observation struct {
	Seen     bool // everything the Spec commands is in force
	Gone     bool // nothing of it is in force any more
	Evidence history.Value
}

// Selector is one target of a fault.
type Selector struct {
	Name string // "primaries"; "n1|n2+n3" stands for any grudge
	Doc  string
}

// Kind is a fault with its name.
type Kind struct {
	Name  string // "partition"
	Doc   string
	Fault Fault
}
