package txn

import (
	"cmp"
	"context"
	"slices"
)

// cycle is a contradiction: transactions each of which must come before the next, the last before the first.
type cycle struct {
	kind    kind
	variant variant
	edges   []edge
}

func (c cycle) name() string { return cycleName(c.kind, c.variant) }

// timeline is when the transactions of a graph happened.
type timeline struct {
	inv, ret []int32 // ret is never for those whose end nobody knows
	next     []int32 // the next transaction of the same process, none for the last
}

// searcher looks for cycles.
type searcher struct {
	g     *graph
	time  timeline
	ctx   context.Context
	stamp []uint32 // of each node and state, the search that saw it
	epoch uint32
	queue []entry

	left   int // the work that may still be done for a kind, in edges
	cut    map[string]bool
	cycles map[string][]cycle
	seen   map[string]bool
	levels [variants][models]bool // what is proven to be impossible, whatever cycles were found
	broken mistake
}

// models whose absence of cycles is checked apart from the search for single cycles.
const (
	pl1    = iota // ww
	pl2           // ww, wr
	si            // no two rw in a row
	pl3           // all
	models = 4
)

// entry is a place in a search.
type entry struct {
	node, parent int32
	label        label
	state        uint8
	order        variant // process for an edge of that order
}

// search finds cycles of all kinds. Most histories have none: one pass of Tarjan's algorithm over all dependencies proves
// that.
//
// Realtime edges are not part of the graph. A cycle with two of them, A1 to B1 and A2 to B2 with paths from B1 to A2 and
// from B2 to A1, can be cut: A1 ended before B1 began and A2 before B2, so that either A1 ended before B2 began, or A2
// before B1 did, and one realtime edge together with one of the paths is a cycle already. So it is enough to look for a
// transaction B from which one can reach an A that ended before B began.
func search(ctx context.Context, g *graph, time timeline, broken mistake) *searcher {
	s := &searcher{g: g, time: time, ctx: ctx, cut: map[string]bool{}, cycles: map[string][]cycle{}, seen: map[string]bool{}, broken: broken}
	all := tarjan(g, walk{mask: everyEdge}, time.ret)
	if len(all.large) == 0 && !s.violatesTime(all, walk{}) {
		return s
	}
	s.stamp = make([]uint32, int(g.nodes)*perNode)
	for v := plain; v < variants; v++ {
		if ctx.Err() == nil {
			s.variant(v)
		}
	}
	return s
}

// violatesTime says whether something that is reached from a transaction ended before that transaction began.
func (s *searcher) violatesTime(c *components, w walk) bool {
	if s.broken == "no-realtime" {
		return false
	}
	for t := range s.g.txns {
		if c.min[w.place(t, false)] < s.time.inv[t] {
			return true
		}
	}
	return false
}

// variant finds the cycles of one variant.
func (s *searcher) variant(v variant) {
	var next []int32
	if v == process && s.broken != "no-process" {
		next = s.time.next
	}
	walks := [models]walk{
		pl1: {mask: v.mask(g0), next: next}, pl2: {mask: v.mask(g1c), next: next},
		si: {mask: v.mask(g2), next: next, apart: true}, pl3: {mask: v.mask(g2), next: next},
	}
	var cs [models]*components
	for m := models - 1; m >= 0; m-- {
		c := tarjan(s.g, walks[m], s.time.ret)
		cs[m] = c
		s.levels[v][m] = len(c.large) > 0 || v == realtime && s.violatesTime(c, walks[m])
		if !s.levels[v][m] {
			break // what has fewer edges has no cycle either
		}
	}
	for k := g0; k < kinds; k++ {
		m := [kinds]int{pl1, pl2, si, si, pl3}[k]
		if !s.levels[v][m] {
			continue
		}
		if s.left = 4*len(s.g.to) + 4<<20; s.worse(k, v) {
			s.left /= 8
		}
		s.inComponents(k, v, cs[[kinds]int{pl1, pl2, pl3, pl3, pl3}[k]])
		if v == realtime && s.broken != "no-realtime" {
			s.throughTime(k, cs[m], walks[m])
		}
		if s.left <= 0 {
			s.cut[cycleName(k, v)] = true
		}
	}
}

// inComponents finds the shortest cycle of a kind in each strongly connected component.
func (s *searcher) inComponents(k kind, v variant, c *components) {
	large := slices.Clone(c.large)
	slices.SortStableFunc(large, func(a, b []int32) int { return cmp.Compare(len(a), len(b)) })
	for i, members := range large {
		if s.left <= 0 || s.ctx.Err() != nil {
			return
		}
		slices.Sort(members)
		s.inComponent(k, v, c, members, s.left/(len(large)-i))
	}
}

// enough says whether the search for a kind ends: its budget is spent, or there are some to show and worse ones of the same
// variant were found, of which all are looked for.
func (s *searcher) enough(k kind, v variant) bool {
	if s.left <= 0 || s.ctx.Err() != nil {
		return true
	}
	return len(s.cycles[cycleName(k, v)]) >= described && s.worse(k, v)
}

// worse says whether cycles of a worse kind were found.
func (s *searcher) worse(k kind, v variant) bool {
	for w := g0; w < k; w++ {
		if len(s.cycles[cycleName(w, v)]) > 0 {
			return true
		}
	}
	return false
}

// inComponent tries longer and longer paths, from each edge that a cycle can begin with.
func (s *searcher) inComponent(k kind, v variant, c *components, members []int32, budget int) {
	after := s.left - budget
	for _, depth := range []int{1, 2, 3, 4, 6, 10, 20, never} {
		deeper := false
		for _, u := range members {
			if u >= s.g.txns {
				continue
			}
			q := query{kind: k, variant: v, target: u, inside: c, depth: depth}
			from, to := s.g.edges(u)
			for e := from; e <= to; e++ {
				switch {
				case e == to && (v != process || s.time.next[u] == none || s.broken == "no-process"):
					continue
				case e == to:
					q.first = entry{node: s.time.next[u], order: process}
				case s.g.label[e]&v.mask(k) == 0:
					continue
				case v == plain && !k.mayBegin(s.g.label[e]), v == process && s.g.label[e]&(wwProcess|rwProcess) == 0,
					v == realtime && s.g.label[e]&(wwRealtime|rwRealtime) == 0:
					continue
				default:
					q.first = entry{node: s.g.to[e], label: s.g.label[e]}
				}
				if c.of[q.first.node] != c.of[u] {
					continue
				}
				found, more := s.find(q)
				if found && s.note(s.trace(u), cycleName(k, v)) {
					return
				}
				deeper = deeper || more || found
				if s.left <= after {
					return
				}
			}
		}
		if !deeper {
			return
		}
	}
}

// throughTime finds, for each transaction from which one can reach another that ended before it began, the shortest way:
// at first short ones only, and longer ones from where there is no short one and no neighbour that tells the same story.
func (s *searcher) throughTime(k kind, c *components, w walk) {
	const short = 2
	var later []int32
	for b := range s.g.txns {
		if c.min[w.place(b, false)] >= s.time.inv[b] {
			continue
		}
		if s.enough(k, realtime) {
			return
		}
		if !s.fromTime(k, c, w, b, short) {
			later = append(later, b)
		}
	}
	nothing := len(s.cycles[cycleName(k, realtime)]) == 0
	for _, b := range later {
		if s.enough(k, realtime) {
			return
		}
		if nothing || !s.told(k, c, w, b) {
			s.fromTime(k, c, w, b, never)
		}
	}
}

// fromTime searches from one transaction.
func (s *searcher) fromTime(k kind, c *components, w walk, b int32, depth int) bool {
	q := query{kind: k, variant: realtime, target: none, before: s.time.inv[b], inside: c, walk: w, first: entry{node: b, order: realtime}, depth: depth}
	found, _ := s.find(q)
	if found {
		s.note(s.trace(none), "")
	}
	return found
}

// told says whether a transaction leads to another one, outside of its own component, from which the search begins too: a
// cycle from there is part of any from here.
func (s *searcher) told(k kind, c *components, w walk, b int32) bool {
	from, to := s.g.edges(b)
	for e := from; e < to; e++ {
		n := s.g.to[e]
		if s.g.label[e]&realtime.mask(k) == 0 || n >= s.g.txns {
			continue
		}
		if p := w.place(n, false); c.of[p] != c.of[w.place(b, false)] && c.min[p] < s.time.inv[n] {
			return true
		}
	}
	return false
}

// query is one search: from the first edge on to a target, or to any transaction that ended before a moment.
type query struct {
	kind    kind
	variant variant
	first   entry
	target  int32
	before  int32
	inside  *components // where the search stays
	walk    walk
	depth   int
}

// find searches breadth first. The path is left in s.queue, from its last entry on; more says that a longer path could exist.
func (s *searcher) find(q query) (found, more bool) {
	s.epoch++
	s.queue = s.queue[:0]
	first := q.first
	first.parent, first.state = none, q.kind.begin(first.label)
	s.queue = append(s.queue, first)
	level, next := []int32{0}, []int32(nil)
	mask, home := q.variant.mask(q.kind), int32(0)
	if q.target != none {
		home = q.inside.of[q.target]
		if first.node == q.target {
			return false, false
		}
	}
	for depth := 0; len(level) > 0; depth++ {
		if depth == q.depth {
			return false, true
		}
		for i := 0; i < len(level); i++ {
			at := level[i]
			x := s.queue[at]
			from, to := s.g.edges(x.node)
			s.left -= int(to-from) + 1
			if s.left <= 0 {
				return false, true
			}
			for e := from; e <= to; e++ {
				y := entry{parent: at}
				switch {
				case e < to:
					if y.label = s.g.label[e]; y.label&(mask|hop) == 0 {
						continue
					}
					y.node = s.g.to[e]
				case q.variant != process || x.node >= s.g.txns || s.time.next[x.node] == none || s.broken == "no-process":
					continue
				default:
					y.node, y.order = s.time.next[x.node], process
				}
				if y.state = q.kind.after(x.state, y.label); y.state == refused || !s.leads(q, home, y) {
					continue
				}
				ends := y.node == q.target || q.target == none && y.node < s.g.txns && s.time.ret[y.node] < q.before
				if ends && q.kind.closed(y.state, first.label) {
					s.queue = append(s.queue, y)
					return true, true
				}
				seen := &s.stamp[int(y.node)*perNode+int(y.state)]
				if y.node == q.target || *seen == s.epoch {
					continue
				}
				*seen = s.epoch
				s.queue = append(s.queue, y)
				if y.label == hop || y.order == process && x.order == process {
					level = append(level, int32(len(s.queue)-1))
				} else {
					next = append(next, int32(len(s.queue)-1))
				}
			}
		}
		level, next = next, level[:0]
	}
	return false, false
}

// leads says whether there is hope behind an entry.
func (s *searcher) leads(q query, home int32, y entry) bool {
	if q.target != none {
		return q.inside.of[y.node] == home
	}
	return q.inside.min[q.walk.place(y.node, y.state&lastRW != 0 && q.kind == gNonadjacent)] < q.before
}

// trace gives the edges of the path that was found, from u on; none closes it through time.
func (s *searcher) trace(u int32) []edge {
	var path []entry
	for i := int32(len(s.queue) - 1); i != none; i = s.queue[i].parent {
		path = append(path, s.queue[i])
	}
	slices.Reverse(path)
	if u == none {
		b, a := path[0].node, path[len(path)-1].node
		return append(edges(b, path[1:], s.g.txns), edge{from: a, to: b, order: realtime})
	}
	return edges(u, path, s.g.txns)
}

// edges leaves the helpers out, and joins what goes along one process.
func edges(u int32, path []entry, txns int32) (es []edge) {
	var l label
	for _, x := range path {
		if x.label != hop {
			l = x.label
		}
		if x.node >= txns {
			continue
		}
		if n := len(es); n > 0 && l == 0 && x.order == process && es[n-1].label == 0 && es[n-1].order == process {
			es[n-1].to = x.node
		} else {
			es = append(es, edge{from: u, to: x.node, label: l, order: x.order})
		}
		u = x.node
	}
	return es
}
