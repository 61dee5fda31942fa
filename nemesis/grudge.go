package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

// Grudge is who must not hear whom, and what that makes of the cluster. The kinds of it are those of jepsen.nemesis.
type Grudge struct {
	Edges  []cluster.Edge
	Sides  [][]string // whose clients must be busy for the cut to test anything
	Harmed []string   // who can no longer count on a majority, or lost somebody where no side has one
}

// Complete cuts each group off from all others. A node that is in no group keeps its connections.
func Complete(groups [][]string, nodes int) Grudge {
	g := Grudge{Sides: groups}
	for i, a := range groups {
		for j, b := range groups {
			if i != j {
				g.Edges = append(g.Edges, between(a, b)...)
			}
		}
		if 2*len(a) <= nodes {
			g.Harmed = append(g.Harmed, a...)
		}
	}
	return g.sorted()
}

// between are the edges from each of a to each of b: b must not hear a.
func between(a, b []string) []cluster.Edge {
	var es []cluster.Edge
	for _, x := range a {
		for _, y := range b {
			es = append(es, cluster.Edge{From: x, To: y})
		}
	}
	return es
}

func (g Grudge) sorted() Grudge {
	slices.SortFunc(g.Edges, cluster.Edge.Compare)
	g.Edges = slices.Compact(g.Edges)
	slices.Sort(g.Harmed)
	return g
}

// Halves splits nodes in the middle; of an odd number the second half has one more.
func Halves(nodes []string) [][]string {
	return [][]string{nodes[:len(nodes)/2], nodes[len(nodes)/2:]}
}

// Alone puts each of some nodes on a side of its own, and all others on one.
func Alone(nodes, some []string) [][]string {
	var groups [][]string
	var rest []string
	for _, n := range nodes {
		if slices.Contains(some, n) {
			groups = append(groups, []string{n})
		} else {
			rest = append(rest, n)
		}
	}
	if len(rest) > 0 {
		groups = append(groups, rest)
	}
	return groups
}

// Bridge cuts two halves apart but for one node, the first of the second half, which hears both and is heard by both.
func Bridge(nodes []string) Grudge {
	h := Halves(nodes)
	g := Complete([][]string{h[0], h[1][1:]}, 0)
	g.Harmed = slices.Concat(h[0], h[1][1:])
	return g.sorted()
}

// OneWay makes the nodes of one group deaf to those of the other, which still hear them.
func OneWay(deaf, heard []string) Grudge {
	return Grudge{Edges: between(heard, deaf), Sides: [][]string{deaf, heard}, Harmed: slices.Clone(deaf)}.sorted()
}

// MajoritiesRing lets every node hear a majority, and no two nodes the same one. Up to five nodes stand in a ring and
// each hears those beside it (of three, only the one before it); with more, connections are added at random where they
// are fewest, until each node has a majority, as Jepsen does.
func MajoritiesRing(nodes []string, r *rand.Rand) Grudge {
	n := len(nodes)
	most := n/2 + 1
	hears := make([][]bool, n) // who → whom
	for i := range hears {
		hears[i] = make([]bool, n)
		hears[i][i] = true
	}
	if n <= 5 {
		for i := range n { // a window of a majority, heard by the node in its middle
			for j := range most {
				hears[(i+most/2)%n][(i+j)%n] = true
			}
		}
	} else {
		grow(hears, most, r)
	}
	var g Grudge
	for i := range n {
		for j := range n {
			if !hears[i][j] {
				g.Edges = append(g.Edges, cluster.Edge{From: nodes[j], To: nodes[i]})
			}
		}
		g.Sides = append(g.Sides, []string{nodes[i]})
	}
	slices.SortFunc(g.Sides, slices.Compare)
	g.Harmed = slices.Clone(nodes)
	return g.sorted()
}

// grow connects the node with the fewest connections with the one that has the fewest of those it does not know,
// drawing among equals, until every node has enough.
func grow(hears [][]bool, most int, r *rand.Rand) {
	degree := func(i int) (d int) {
		for _, h := range hears[i] {
			if h {
				d++
			}
		}
		return d
	}
	fewest := func(ok func(int) bool) int {
		best, ties := -1, 0
		for i := range hears {
			switch {
			case !ok(i):
			case best < 0 || degree(i) < degree(best):
				best, ties = i, 1
			case degree(i) == degree(best):
				if ties++; r.IntN(ties) == 0 {
					best = i
				}
			}
		}
		return best
	}
	for {
		a := fewest(func(i int) bool { return degree(i) < most })
		if a < 0 {
			return
		}
		b := fewest(func(i int) bool { return !hears[a][i] })
		hears[a][b], hears[b][a] = true, true
	}
}

// ParseGroups reads an explicit grudge: groups separated by |, their nodes by +.
func ParseGroups(s string, nodes []string) ([][]string, error) {
	seen := map[string]bool{}
	var groups [][]string
	for _, part := range strings.Split(s, "|") {
		var group []string
		for _, n := range strings.Split(part, "+") {
			n = strings.TrimSpace(n)
			switch {
			case !slices.Contains(nodes, n):
				return nil, fmt.Errorf("no node %q in %q: the nodes are %s", n, s, strings.Join(nodes, ", "))
			case seen[n]:
				return nil, fmt.Errorf("node %s stands twice in %q: each node has one side", n, s)
			}
			seen[n] = true
			group = append(group, n)
		}
		groups = append(groups, group)
	}
	if len(groups) < 2 {
		return nil, fmt.Errorf("%q is one group only: expected two or more, such as n1|n2+n3", s)
	}
	return groups, nil
}
