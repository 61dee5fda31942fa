package nemesis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Stop is the fault of a database that is shut down gracefully, as for maintenance. Undo starts it again.
type Stop struct{}

// Needs is the power to stop and start the database.
func (Stop) Needs() cluster.Caps { return cluster.Kill }

// EndsProcesses says that a victim's processes end under it.
func (Stop) EndsProcesses() bool { return true }

// Selectors lists who can be stopped.
func (Stop) Selectors() []Selector { return victimSelectors() }

// Plan draws the victims.
func (Stop) Plan(v View, r *rand.Rand) (Spec, error) { return victims("stop", v, r) }

// Step shuts down, and returns when the processes have ended.
func (Stop) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	if n > 0 {
		return 0, nil
	}
	return 0, each(ctx, c, s.Harmed, "stop the database", func(ctx context.Context, n cluster.Node) error { return c.DB.Stop(ctx, c, n) })
}

// Undo starts the victims; one that runs already stays as it is.
func (Stop) Undo(ctx context.Context, c *cluster.Cluster, s Spec) error { return start(ctx, c, s) }

// Observe sees it when no process of any victim runs and none of them serves; it is gone when all run and serve.
func (Stop) Observe(ctx context.Context, c *cluster.Cluster, s Spec) (Observation, error) {
	return observeNodes(ctx, c, s, nodeState.dead)
}
