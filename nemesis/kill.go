package nemesis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Kill is the fault of a database whose processes end at once, by SIGKILL. Undo is the plan that starts it again: a node's
// lease never does, so that a killed database comes back only when that was meant.
type Kill struct{}

// Needs is the power to kill and start the database.
func (Kill) Needs() cluster.Caps { return cluster.Kill }

// EndsProcesses says that a victim's processes end under it.
func (Kill) EndsProcesses() bool { return true }

// Selectors lists who can be killed.
func (Kill) Selectors() []Selector { return victimSelectors() }

// Plan draws the victims.
func (Kill) Plan(v View, r *rand.Rand) (Spec, error) { return victims("kill", v, r) }

// Step kills.
func (Kill) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	if n > 0 {
		return 0, nil
	}
	return 0, each(ctx, c, s.Harmed, "kill the database", func(ctx context.Context, n cluster.Node) error { return c.DB.Kill(ctx, c, n) })
}

// Undo starts the victims; one that runs already stays as it is.
func (Kill) Undo(ctx context.Context, c *cluster.Cluster, s Spec) error { return start(ctx, c, s) }

// Observe sees it when no process of any victim runs and none of them serves; it is gone when all run and serve.
func (Kill) Observe(ctx context.Context, c *cluster.Cluster, s Spec) (Observation, error) {
	return observeNodes(ctx, c, s, nodeState.dead)
}

func start(ctx context.Context, c *cluster.Cluster, s Spec) error {
	return each(ctx, c, s.Harmed, "start the database", func(ctx context.Context, n cluster.Node) error { return c.DB.Start(ctx, c, n) })
}
