package txn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// reach lists what can be reached from a transaction by one edge, helpers counting as nothing.
func reach(g *graph, t int32) (out []string) {
	var walk func(n int32, l label)
	seen := map[string]bool{}
	walk = func(n int32, l label) {
		from, to := g.edges(n)
		for e := from; e < to; e++ {
			kind := g.label[e]
			if kind == hop {
				kind = l
			}
			id := fmt.Sprint(kind, " ", g.to[e])
			if seen[id] {
				continue
			}
			seen[id] = true
			if g.to[e] >= g.txns {
				walk(g.to[e], kind)
				continue
			}
			out = append(out, id)
		}
	}
	walk(t, 0)
	slices.Sort(out)
	return slices.Compact(out)
}

// Helpers stand for exactly the edges that are left out for them, and never lead a transaction to itself.
func TestHelpersStandForAllEdges(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		const n = 12
		plainEdges, helped := newBuilder(n, 0, ""), newBuilder(n, 0, withHelpers)
		plainEdges.few = 1 << 20
		for range 1 + r.IntN(3) {
			var sources, targets []int32
			for i := range int32(n) {
				if r.IntN(2) == 0 {
					sources = append(sources, i)
				}
				if r.IntN(2) == 0 {
					targets = append(targets, i)
				}
			}
			l := []label{ww, rw}[r.IntN(2)]
			plainEdges.fan(sources, targets, l)
			helped.fan(sources, targets, l)
		}
		a, b := plainEdges.graph(), helped.graph()
		for i := range int32(n) {
			if x, y := reach(a, i), reach(b, i); !slices.Equal(x, y) {
				t.Fatalf("from %d: %v, with helpers %v", i, x, y)
			}
		}
	}
}

// A key that thousands read before thousands appended to it, none of which was read, makes no square of edges.
func TestManyReadersAndManyWritersStaySmall(t *testing.T) {
	const n = 4000
	b := newBuilder(2*n, 0, "")
	var readers, writers []int32
	for i := range int32(n) {
		readers, writers = append(readers, i), append(writers, n+i)
	}
	b.fan(readers, writers, rw)
	if len(b.tail) > 6*n {
		t.Errorf("%d edges for %d readers and as many writers", len(b.tail), n)
	}
}

// acyclicByHand is the definition: no place is reached from itself.
func TestComponentsAgainstTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		n := int32(2 + r.IntN(7))
		b := newBuilder(n, 0, "")
		for range r.IntN(14) {
			b.edge(r.Int32N(n), r.Int32N(n), []label{ww, wr, rw, rwRealtime}[r.IntN(4)])
		}
		g := b.graph()
		ret := make([]int32, n)
		for i := range ret {
			ret[i] = r.Int32N(100)
		}
		next := make([]int32, n)
		for i := range next {
			if next[i] = none; r.IntN(4) == 0 && int32(i)+1 < n {
				next[i] = int32(i) + 1
			}
		}
		for _, w := range []walk{{mask: ww}, {mask: plainData}, {mask: everyEdge}, {mask: everyEdge, next: next}, {mask: plainData, apart: true}, {mask: everyEdge, apart: true, next: next}} {
			c := tarjan(g, w, ret)
			cyclic := false
			for root := range n {
				start := w.place(root, false)
				earliest, back := farthest(g, w, start, ret)
				cyclic = cyclic || back
				if c.min[start] != earliest {
					t.Fatalf("%+v: from %d the earliest end is %d, found %d", w, root, earliest, c.min[start])
				}
			}
			if cyclic && len(c.large) == 0 {
				t.Fatalf("%+v: a cycle was not found", w)
			}
			for _, l := range c.large {
				if _, back := farthest(g, w, l[0], ret); !back {
					t.Fatalf("%+v: %d is in no cycle", w, l[0])
				}
			}
		}
	}
}

// farthest walks from a place: the earliest end of what it reaches, and whether it comes back.
func farthest(g *graph, w walk, start int32, ret []int32) (earliest int32, back bool) {
	node := func(p int32) int32 {
		if w.apart {
			return p / 2
		}
		return p
	}
	seen := map[int32]bool{}
	todo := []int32{start}
	earliest = ret[node(start)]
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		step := func(to int32) {
			back = back || to == start
			if !seen[to] {
				seen[to] = true
				earliest = min(earliest, ret[node(to)])
				todo = append(todo, to)
			}
		}
		from, end := g.edges(node(p))
		for e := from; e < end; e++ {
			if to, ok := w.step(p, g.to[e], g.label[e]); ok {
				step(to)
			}
		}
		if w.next != nil && w.next[node(p)] != none {
			step(w.place(w.next[node(p)], false))
		}
	}
	return earliest, back
}
