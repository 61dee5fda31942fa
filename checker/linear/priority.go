package linear

import "slices"

// priority decides a priority queue with different elements exactly in O(n log n), every take being known.
//
// An element disturbs only elements that are less urgent. So take them by their rank, the most urgent first: a history of the
// more urgent ones has an order; the next element's take is to them what a take that finds nothing would be, since none of
// them may be there. A moment in which none of a history's elements certainly is there parts its elements into those that can be over
// by then and those that can begin then, so that in an order of them nothing is there in that moment, and in all such moments
// at once. So the take needs a moment, not before the element's put is called, in which none of the more urgent ones
// certainly is there. That it is enough, and needed, is by induction (Lee & Mathur, OOPSLA 2025, remove elements in the same
// way).
func (x *pairing) priority() answer {
	order := make([]int, len(x.pairs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(x.rank[x.pairs[a].value] - x.rank[x.pairs[b].value]) })
	next := make([]int32, x.end+3) // a free moment that is not before, or one nearer to it
	for i := range next {
		next[i] = int32(i)
	}
	free := func(m int32) int32 {
		root := m
		for next[root] != root {
			root = next[root]
		}
		for next[m] != root {
			next[m], m = root, next[m]
		}
		return root
	}
	for _, i := range order {
		p := &x.pairs[i]
		if p.take0 < x.end { // it was taken, or perhaps
			from := p.take0
			if x.mut != takenBeforePut {
				from = max(from, p.put0)
			}
			if free(from) >= p.take1 && x.mut != urgencyIgnored {
				return violated
			}
		}
		for m := free(p.put1); m < p.take0; m = free(m) {
			next[m] = m + 1
		}
	}
	if _, ok := x.fits(func(m int32) bool { return next[m] == m }); !ok {
		return violated
	}
	return linearizable
}
