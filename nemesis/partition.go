package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// ErrNoPrimaries is the error of a plan that needs to know who leads when nobody says so.
var ErrNoPrimaries = errors.New("no node says that it leads: choose another target than primaries, such as one")

// Partition is the fault of nodes that do not hear each other.
type Partition struct{}

// Needs is the power to cut the network.
func (Partition) Needs() cluster.Caps { return cluster.Network }

// Selectors lists the kinds of grudges.
func (Partition) Selectors() []Selector {
	return []Selector{
		{"random", "one of the others that fits the number of nodes, but for primaries and one-way, drawn from the seed; the default"},
		{"primaries", "each node that leads is alone, all others stay together"},
		{"halves", "the first half of the nodes from the second"},
		{"random-halves", "two halves, drawn"},
		{"minority", "a minority as large as it can be, drawn, from the majority"},
		{"one", "one node, drawn, from all others"},
		{"one-way", "one node, drawn, does not hear the others, or they do not hear it"},
		{"bridge", "two halves, drawn, but one node still hears and is heard by all"},
		{"majorities-ring", "every node hears a majority, and no two the same one"},
		{"n1|n2+n3", "these groups from each other; a node that is not named keeps its connections"},
	}
}

// Plan draws a grudge.
func (p Partition) Plan(v View, r *rand.Rand) (Spec, error) {
	g, err := p.grudge(v, r)
	if err != nil {
		return Spec{}, err
	}
	s := Spec{ID: v.ID, Fault: "partition", Edges: g.Edges, Sides: g.Sides, Harmed: g.Harmed}
	if v.Selector != "" {
		s.Fault += ":" + v.Selector
	}
	return s, nil
}

func (p Partition) grudge(v View, r *rand.Rand) (Grudge, error) {
	n := len(v.Nodes)
	atLeast := func(want int) error {
		if n < want {
			return fmt.Errorf("partition:%s needs %d nodes, and there are %d", v.Selector, want, n)
		}
		return nil
	}
	if n < 2 {
		return Grudge{}, fmt.Errorf("a partition needs 2 nodes, and there is %d: take --node-count 3", n)
	}
	shuffled := slices.Clone(v.Nodes)
	r.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	switch v.Selector {
	case "", "random":
		fits := []string{"one"}
		if n >= 3 {
			fits = append(fits, "random-halves", "minority", "bridge", "majorities-ring")
		}
		v.Selector = fits[r.IntN(len(fits))]
		return p.grudge(v, r)
	case "primaries":
		if len(v.Primaries) == 0 {
			return Grudge{}, ErrNoPrimaries
		}
		return Complete(Alone(v.Nodes, v.Primaries), n), nil
	case "halves":
		return Complete(Halves(v.Nodes), n), nil
	case "random-halves":
		return Complete(ordered(Halves(shuffled)...), n), nil
	case "minority":
		few := (n - 1) / 2
		return Complete(ordered(shuffled[:few], shuffled[few:]), n), atLeast(3)
	case "one":
		return Complete(Alone(v.Nodes, shuffled[:1]), n), nil
	case "one-way":
		a := ordered(shuffled[:1], shuffled[1:])
		if i := r.IntN(2); i == 1 {
			a[0], a[1] = a[1], a[0]
		}
		return OneWay(a[0], a[1]), nil
	case "bridge":
		if err := atLeast(3); err != nil {
			return Grudge{}, err
		}
		g := Bridge(shuffled)
		g.Sides = ordered(g.Sides...)
		return g, nil
	case "majorities-ring":
		if err := atLeast(3); err != nil {
			return Grudge{}, err
		}
		return MajoritiesRing(shuffled, r), nil
	}
	if strings.ContainsAny(v.Selector, "|+") || slices.Contains(v.Nodes, v.Selector) {
		groups, err := ParseGroups(v.Selector, v.Nodes)
		if err != nil {
			return Grudge{}, err
		}
		return Complete(groups, n), nil
	}
	var names []string
	for _, s := range p.Selectors() {
		names = append(names, s.Name)
	}
	return Grudge{}, fmt.Errorf("no partition %q: choose from %s, where the last stands for any groups of the nodes %s",
		v.Selector, strings.Join(names, ", "), strings.Join(v.Nodes, ", "))
}

// ordered sorts each group, so that sides read well.
func ordered(groups ...[]string) [][]string {
	out := make([][]string, len(groups))
	for i, g := range groups {
		out[i] = slices.Sorted(slices.Values(g))
	}
	return out
}

// Step cuts.
func (Partition) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	if n > 0 {
		return 0, nil
	}
	if err := c.Cut(ctx, s.ID, s.Edges); err != nil {
		return 0, fmt.Errorf("cut %s: %w", s.Fault, err)
	}
	return 0, nil
}

// Undo takes the cut away.
func (Partition) Undo(ctx context.Context, c *cluster.Cluster, s Spec) error {
	if err := c.Cut(ctx, s.ID, nil); err != nil {
		return fmt.Errorf("heal %s: %w", s.Fault, err)
	}
	return nil
}

// Observe probes every edge of the cluster. The cut is seen when nothing came over any edge that is cut, and
// something over one that is not, where there is one: else it might be the probes that are broken. It is gone when
// everything is heard that no other fault keeps silent. The evidence is a list of cluster.Evidence.
func (Partition) Observe(ctx context.Context, c *cluster.Cluster, s Spec) (Observation, error) {
	if c.Net == nil {
		return Observation{}, cluster.ErrNoNet
	}
	var edges []cluster.Edge
	for _, a := range c.Names() {
		for _, b := range c.Names() {
			if a != b {
				edges = append(edges, cluster.Edge{From: a, To: b})
			}
		}
	}
	es, err := c.Net.Reach(ctx, edges)
	if err != nil {
		return Observation{}, fmt.Errorf("probe %s: %w", s.Fault, err)
	}
	desired := c.Desired()
	o := Observation{Seen: len(s.Edges) > 0, Gone: len(c.Share(s.ID)) == 0, Evidence: history.Of(es)}
	control, heard := false, false
	asked := map[cluster.Edge]bool{}
	for _, e := range es {
		asked[e.Edge] = true
		cut, wanted := slices.Contains(s.Edges, e.Edge), slices.Contains(desired, e.Edge)
		if cut && !e.Silent() {
			o.Seen = false
		}
		if !wanted && !e.Heard() {
			o.Gone = false
		}
		if !cut && !wanted {
			control, heard = true, heard || e.Heard()
		}
	}
	if control && !heard {
		o.Seen = false
	}
	for _, e := range edges { // an edge that nobody answered for proves nothing
		if !asked[e] {
			o.Seen, o.Gone = false, false
		}
	}
	return o, nil
}
