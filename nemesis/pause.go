package nemesis

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// errNoPauser is the error of a pause where the database's processes cannot be stopped.
var errNoPauser = errors.New("the automation of this database cannot pause it: leave pause out of --faults")

// Pause is the fault of a database whose every thread stands still, by SIGSTOP, as in a long collection of garbage or a
// virtual machine that is moved: its connections stay open and nobody answers. SIGCONT lets it go on where it was.
type Pause struct{}

// Needs is the power to pause the database.
func (Pause) Needs() cluster.Caps { return cluster.Pause }

// Suits refuses a database that cannot be paused.
func (Pause) Suits(db cluster.Database) error {
	if _, ok := db.(cluster.Pauser); !ok {
		return errNoPauser
	}
	return nil
}

// Selectors lists who can be paused.
func (Pause) Selectors() []Selector { return victimSelectors() }

// Plan draws the victims.
func (Pause) Plan(v View, r *rand.Rand) (Spec, error) { return victims("pause", v, r) }

// Step stops every thread of the victims.
func (Pause) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	if n > 0 {
		return 0, nil
	}
	p, ok := c.DB.(cluster.Pauser)
	if !ok {
		return 0, errNoPauser
	}
	return 0, each(ctx, c, s.Harmed, "pause the database", func(ctx context.Context, n cluster.Node) error { return p.Pause(ctx, c, n) })
}

// Undo lets the victims go on.
func (Pause) Undo(ctx context.Context, c *cluster.Cluster, s Spec) error {
	p, ok := c.DB.(cluster.Pauser)
	if !ok {
		return errNoPauser
	}
	return each(ctx, c, s.Harmed, "resume the database", func(ctx context.Context, n cluster.Node) error { return p.Resume(ctx, c, n) })
}

// Observe sees it when every thread of every victim is stopped; it is gone when all run and serve.
func (Pause) Observe(ctx context.Context, c *cluster.Cluster, s Spec) (Observation, error) {
	return observeNodes(ctx, c, s, nodeState.stopped)
}
