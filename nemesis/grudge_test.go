package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/partita-dev/partita/cluster"
)

func nodesOf(n int) []string {
	var s []string
	for i := range n {
		s = append(s, fmt.Sprintf("n%d", i+1))
	}
	return s
}

// draw shows who hears whom: a row for each hearing node, an x where it does not hear the node of the column.
func draw(s Spec, nodes []string) string {
	var b strings.Builder
	for _, to := range nodes {
		b.WriteString(to + " ")
		for _, from := range nodes {
			c := byte('.')
			if slices.Contains(s.Edges, cluster.Edge{From: from, To: to}) {
				c = 'x'
			}
			b.WriteByte(c)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "sides %v harmed %v\n", s.Sides, s.Harmed)
	return b.String()
}

func TestGrudges(t *testing.T) {
	datadriven.RunTest(t, "testdata/grudges", func(t *testing.T, d *datadriven.TestData) string {
		n, seed, selector := 3, 1, ""
		var primaries []string
		d.MaybeScanArgs(t, "nodes", &n)
		d.MaybeScanArgs(t, "seed", &seed)
		d.MaybeScanArgs(t, "partition", &selector)
		var p string
		d.MaybeScanArgs(t, "primaries", &p)
		if p != "" {
			primaries = strings.Split(p, "+")
		}
		v := View{Nodes: nodesOf(n), Selector: selector, ID: "w1", Primaries: primaries}
		s, err := Partition{}.Plan(v, rand.New(rand.NewPCG(uint64(seed), 0)))
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		if again, _ := (Partition{}).Plan(v, rand.New(rand.NewPCG(uint64(seed), 0))); draw(again, v.Nodes) != draw(s, v.Nodes) {
			t.Errorf("the same seed drew something else: %+v", again)
		}
		return s.Fault + "\n" + draw(s, v.Nodes)
	})
}

// TestGrudgesKeepTheirPromise looks at every selector with many nodes and seeds.
func TestGrudgesKeepTheirPromise(t *testing.T) {
	for n := 2; n <= 9; n++ {
		nodes := nodesOf(n)
		for seed := range uint64(30) {
			for _, sel := range (Partition{}).Selectors() {
				if strings.Contains(sel.Name, "|") {
					continue
				}
				s, err := Partition{}.Plan(View{Nodes: nodes, Primaries: nodes[1:2], Selector: sel.Name, ID: "w"}, rand.New(rand.NewPCG(seed, 0)))
				if err != nil {
					if n >= 3 {
						t.Fatalf("%s of %d: %v", sel.Name, n, err)
					}
					continue
				}
				hears := map[string]int{}
				sees := map[string]string{}
				for _, to := range nodes {
					for _, from := range nodes {
						if !slices.Contains(s.Edges, cluster.Edge{From: from, To: to}) {
							hears[to]++
							sees[to] += from + " "
						}
					}
				}
				if len(s.Edges) == 0 || len(s.Sides) < 2 || len(s.Harmed) == 0 {
					t.Errorf("%s of %d does nothing: %+v", sel.Name, n, s)
				}
				covered := map[string]bool{}
				for _, side := range s.Sides {
					for _, x := range side {
						if covered[x] || !slices.Contains(nodes, x) {
							t.Errorf("%s of %d: %s is on two sides, or is no node", sel.Name, n, x)
						}
						covered[x] = true
					}
				}
				for _, e := range s.Edges {
					if e.From == e.To || slices.ContainsFunc(s.Sides, func(x []string) bool { return slices.Contains(x, e.From) && slices.Contains(x, e.To) }) {
						t.Errorf("%s of %d cuts %v inside a side", sel.Name, n, e)
					}
				}
				if sel.Name == "majorities-ring" {
					seen := map[string]bool{}
					for _, x := range nodes {
						if hears[x] < n/2+1 || n <= 5 && (hears[x] != n/2+1 || seen[sees[x]]) {
							t.Errorf("ring of %d: %s hears %s", n, x, sees[x])
						}
						seen[sees[x]] = true
					}
				}
			}
		}
	}
}

func TestTryRefusesWhatIsWrong(t *testing.T) {
	k := Kinds()[0]
	for _, s := range k.Fault.Selectors() {
		if err := Try(k, s.Name, nodesOf(3)); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if err := Try(k, "", nodesOf(3)); err != nil {
		t.Error(err)
	}
	for sel, want := range map[string]string{"n1|n9": "the nodes are n1, n2, n3", "primary": "choose from random, primaries, halves", "n1": "one group only"} {
		if err := Try(k, sel, nodesOf(3)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", sel, err)
		}
	}
	if Try(k, "one", nodesOf(1)) == nil || Try(k, "one", nil) == nil {
		t.Error("one node was cut off from nobody")
	}
}
