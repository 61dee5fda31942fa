package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// promoteAfter is how long the primary is cut off before another one is chosen.
const promoteAfter = 2 * time.Second

// errNoPromoter is the error of a promotion where the database chooses its primary itself.
var errNoPromoter = errors.New("nobody promotes a primary of this database by hand: leave promote out of --faults, partition:primaries cuts its primary off")

// Promote is the fault of an operator who believes the primary to be gone: it is cut off from the others, and one of them is
// promoted while it still serves whoever reaches it. Undo lets it hear the others again and makes it a follower of its
// successor, as the operator would.
type Promote struct{}

// Needs is the power to cut the network and to stop and start the database.
func (Promote) Needs() cluster.Caps { return cluster.Network | cluster.Kill }

// Suits refuses a database that has no primary to be chosen by hand.
func (Promote) Suits(db cluster.Database) error {
	if _, ok := db.(cluster.Promoter); !ok {
		return errNoPromoter
	}
	return nil
}

// Selectors lists who can be deposed.
func (Promote) Selectors() []Selector {
	return []Selector{{"primaries", "whoever leads is cut off and deposed; the default"}}
}

// Plan cuts the first primary off.
func (Promote) Plan(v View, _ *rand.Rand) (Spec, error) {
	switch {
	case v.Selector != "" && v.Selector != "primaries":
		return Spec{}, fmt.Errorf("no promote %q: choose primaries, or leave it away", v.Selector)
	case len(v.Nodes) < 2:
		return Spec{}, fmt.Errorf("promote needs 2 nodes, and there is %d: take --node-count 2", len(v.Nodes))
	case len(v.Primaries) == 0:
		return Spec{}, ErrNoPrimaries
	}
	g := Complete(Alone(v.Nodes, v.Primaries[:1]), len(v.Nodes))
	return Spec{ID: v.ID, Fault: "promote", Edges: g.Edges, Sides: g.Sides, Harmed: v.Primaries[:1]}, nil
}

// others are those among whom the successor is chosen.
func (Promote) others(c *cluster.Cluster, s Spec) []string {
	return slices.DeleteFunc(c.Names(), func(n string) bool { return slices.Contains(s.Harmed, n) })
}

// Step cuts the primary off, and promotes another one a while later.
func (p Promote) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	switch n {
	case 0:
		_, err := Partition{}.Step(ctx, c, s, 0)
		return promoteAfter, err
	case 1:
		db, ok := c.DB.(cluster.Promoter)
		if !ok {
			return 0, errNoPromoter
		}
		return 0, db.Promote(ctx, c, p.others(c, s))
	}
	return 0, nil
}

// Undo heals the network and makes the deposed primary a follower, if there is one to follow.
func (Promote) Undo(ctx context.Context, c *cluster.Cluster, s Spec) error {
	if err := (Partition{}).Undo(ctx, c, s); err != nil {
		return err
	}
	db, ok := c.DB.(cluster.Promoter)
	if !ok {
		return errNoPromoter
	}
	return each(ctx, c, s.Harmed, "let the old primary rejoin", func(ctx context.Context, n cluster.Node) error { return db.Rejoin(ctx, c, n) })
}

// Observe sees it when the cut is in force and another node leads; it is gone when everybody hears everybody and one leads.
func (p Promote) Observe(ctx context.Context, c *cluster.Cluster, s Spec) (Observation, error) {
	o, err := Partition{}.Observe(ctx, c, s)
	if err != nil {
		return o, err
	}
	db, ok := c.DB.(cluster.Primaries)
	if !ok {
		return Observation{}, errNoPromoter
	}
	leading, err := db.Primaries(ctx, c)
	if err != nil {
		return Observation{}, err
	}
	o.Seen = o.Seen && slices.ContainsFunc(leading, func(n string) bool { return !slices.Contains(s.Harmed, n) })
	o.Gone = o.Gone && len(leading) == 1
	return o, nil
}
