package nemesis

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

// promoteDB is a database of which n1 leads until somebody else is promoted.
type promoteDB struct {
	*procDB
	promoted, rejoined []string
}

func (d *promoteDB) Promote(_ context.Context, _ *cluster.Cluster, among []string) error {
	d.promoted = among
	d.leads = append(d.leads, among[0])
	return nil
}

func (d *promoteDB) Rejoin(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	d.rejoined = append(d.rejoined, n.Name())
	d.leads = slices.DeleteFunc(d.leads, func(l string) bool { return len(d.leads) > 1 && l == n.Name() })
	return nil
}

// The primary is cut off, then another one is promoted, then the old one follows it: each is seen only when all of it is there.
func TestPromote(t *testing.T) {
	nodes := []string{"n1", "n2", "n3"}
	db := &promoteDB{procDB: newProcDB(nodes)}
	db.leads = []string{"n1"}
	net := &fakeNet{}
	c := &cluster.Cluster{ID: "p", Net: net, DB: db}
	for _, n := range nodes {
		c.Nodes = append(c.Nodes, procNode{fakeNode{name: n}, db.procDB})
	}
	var f Promote
	s, err := f.Plan(View{Nodes: nodes, Primaries: db.leads, ID: "w1"}, rand.New(rand.NewPCG(1, 1)))
	if err != nil || !slices.Equal(s.Harmed, []string{"n1"}) || len(s.Edges) != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	look := func(when string, seen, gone bool) {
		t.Helper()
		o, err := f.Observe(t.Context(), c, s)
		if err != nil || o.Seen != seen || o.Gone != gone {
			t.Errorf("%s: seen %v, gone %v, %v; want %v, %v", when, o.Seen, o.Gone, err, seen, gone)
		}
	}
	look("before", false, true)
	if again, err := f.Step(t.Context(), c, s, 0); err != nil || again != promoteAfter {
		t.Fatalf("%v, %v", again, err)
	}
	look("cut off, nobody promoted", false, false)
	if again, err := f.Step(t.Context(), c, s, 1); err != nil || again != 0 || !slices.Equal(db.promoted, []string{"n2", "n3"}) {
		t.Fatalf("%v, %v; promoted among %v", again, err, db.promoted)
	}
	look("promoted", true, false)
	if err := (Partition{}).Undo(t.Context(), c, s); err != nil {
		t.Fatal(err)
	}
	look("healed, two primaries", false, false)
	for range 2 { // twice is no error
		if err := f.Undo(t.Context(), c, s); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(db.leads, []string{"n2"}) || !slices.Equal(db.rejoined, []string{"n1", "n1"}) {
		t.Errorf("leads %v, rejoined %v", db.leads, db.rejoined)
	}
	look("over", false, true)
}

// What it needs is named before the run.
func TestPromoteIsRefused(t *testing.T) {
	var f Promote
	if err := f.Suits(newProcDB(nil)); !errors.Is(err, errNoPromoter) {
		t.Errorf("a database without a promoter: %v", err)
	}
	for _, c := range []struct {
		v    View
		says string
	}{
		{View{Nodes: []string{"n1"}, Primaries: []string{"n1"}}, "needs 2 nodes"},
		{View{Nodes: []string{"n1", "n2"}}, ErrNoPrimaries.Error()},
		{View{Nodes: []string{"n1", "n2"}, Primaries: []string{"n1"}, Selector: "all"}, "choose primaries"},
	} {
		if _, err := f.Plan(c.v, rand.New(rand.NewPCG(1, 1))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v; want %q", c.v, err, c.says)
		}
	}
}
