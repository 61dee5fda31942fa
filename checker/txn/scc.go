package txn

import "math"

// walk says how a graph is walked: along which edges, whether along the order of processes too, and whether two rw edges
// may follow one another. In a walk that forbids that (apart), a node stands for itself reached by a rw edge, 2n+1, or by
// another, 2n: snapshot isolation is the absence of cycles there (Cerone & Gotsman, "Analysing Snapshot Isolation", PODC 2016).
type walk struct {
	mask  label
	next  []int32 // of each transaction, the next of its process; nil to leave that order out
	apart bool
}

// components are the strongly connected components of a walk, by Tarjan's algorithm (1972), in one pass.
type components struct {
	of    []int32   // of each place, its component; none for places that were not reached
	large [][]int32 // the components of more than one place
	min   []int32   // of each place, the earliest end of a transaction that can be reached from it, itself included
}

// place is where a walk stands.
func (w walk) place(node int32, byRW bool) int32 {
	if !w.apart {
		return node
	}
	if byRW {
		return 2*node + 1
	}
	return 2 * node
}

// step follows the edge to node with label l from place p; false when the walk must not.
func (w walk) step(p int32, to int32, l label) (int32, bool) {
	if l&(w.mask|hop) == 0 {
		return 0, false
	}
	if !w.apart {
		return to, true
	}
	switch {
	case l == hop:
		return 2*to + p&1, true
	case l&anyRW == 0:
		return 2 * to, true
	}
	return 2*to + 1, p&1 == 0
}

// tarjan walks through the graph from every transaction. ret is the end of each.
func tarjan(g *graph, w walk, ret []int32) *components {
	places := g.nodes
	if w.apart {
		places *= 2
	}
	c := &components{of: make([]int32, places), min: make([]int32, places)}
	num := make([]int32, places) // the order of the visits from 1; later the lowest that can be reached
	for i := range c.of {
		c.of[i] = none
	}
	type frame struct{ place, edge, num int32 }
	var stack []int32
	var frames []frame
	visited, comps := int32(0), int32(0)
	enter := func(p int32) {
		visited++
		num[p] = visited
		node := p
		if w.apart {
			node /= 2
		}
		c.min[p] = math.MaxInt32
		if node < g.txns {
			c.min[p] = ret[node]
		}
		stack = append(stack, p)
		frames = append(frames, frame{p, g.from[node], visited})
	}
	for root := range g.txns {
		p := w.place(root, false)
		if num[p] != 0 {
			continue
		}
		enter(p)
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			node := f.place
			if w.apart {
				node /= 2
			}
			descended := false
			for end := g.from[node+1]; f.edge <= end; {
				e := f.edge
				f.edge++
				var to int32
				switch {
				case e < end:
					var ok bool
					if to, ok = w.step(f.place, g.to[e], g.label[e]); !ok {
						continue
					}
				case w.next == nil || node >= g.txns || w.next[node] == none:
					continue
				default:
					to = w.place(w.next[node], false)
				}
				if num[to] == 0 {
					enter(to)
					descended = true
					break
				}
				c.min[f.place] = min(c.min[f.place], c.min[to])
				if c.of[to] == none {
					num[f.place] = min(num[f.place], num[to])
				}
			}
			if descended {
				continue
			}
			done := *f
			frames = frames[:len(frames)-1]
			if num[done.place] == done.num {
				c.close(&stack, done.place, comps)
				comps++
			}
			if len(frames) > 0 {
				up := frames[len(frames)-1].place
				c.min[up] = min(c.min[up], c.min[done.place])
				if c.of[done.place] == none {
					num[up] = min(num[up], num[done.place])
				}
			}
		}
	}
	return c
}

// close takes a component from the stack, the last place of which is root.
func (c *components) close(stack *[]int32, root, id int32) {
	s := *stack
	i := len(s) - 1
	for s[i] != root {
		i--
	}
	earliest := c.min[root]
	for _, p := range s[i:] {
		c.of[p] = id
		earliest = min(earliest, c.min[p])
	}
	for _, p := range s[i:] {
		c.min[p] = earliest
	}
	if len(s)-i > 1 {
		c.large = append(c.large, append([]int32(nil), s[i:]...))
	}
	*stack = s[:i]
}
