package linear

// queue decides a queue exactly in O(n log n): one that gives out the oldest element, or any (not inOrder).
//
// With every take known, a history with an order has none of these (Henzinger, Sezgin & Vafeiadis, "Aspect-oriented
// linearizability proofs", CONCUR 2013; Lee & Mathur, "Efficient decrease-and-conquer linearizability monitoring", OOPSLA
// 2025): an element taken that nobody put, taken twice, or before it was put; an element put before another and taken after
// it, or not at all; a take that found nothing in all of whose time some element certainly was there.
//
// Takes without a known end are ours. Each may have taken one of the elements left over, at any time from its call on, so
// that such a take only has a call, and never comes too late by its end. An element left over must be gone
//   - before an element that was certainly put after it was taken by a take that returned: its deadline;
//   - before a moment at which somebody found nothing, when it had been put by then.
//
// Who has to be gone by when can be dealt out if and only if up to every moment there are no fewer calls than elements
// that have to be gone by then (Hall). Let a take find nothing in the moment t. What had been put by t has to be gone by t,
// the rest by its deadline; that must hold for every moment from t on. For the moments before t it is what another choice, or
// none, asks for; and what an earlier choice asks for after t is less. So the choices do not touch each other, and each take
// that found nothing needs a moment of its own that is good.
func (x *pairing) queue(inOrder bool) (*flaw, answer) {
	last := x.end + 1
	deadline := make([]int32, len(x.pairs)) // the call of a take, or the deadline, must come before this event
	for i := range deadline {
		deadline[i] = last
	}
	if inOrder {
		if f := x.deadlines(deadline); f != nil {
			return f, violated
		}
	}
	// room is, up to each moment, how many more takes were called than elements have to be gone.
	room := make([]int32, last)
	for _, call := range x.unknown {
		room[call]++
	}
	leftover := make([]bool, len(x.pairs))
	for _, l := range x.left {
		leftover[l] = true
		if d := deadline[l]; d < last {
			room[d-1]--
		}
	}
	for m := int32(1); m < last; m++ {
		room[m] += room[m-1]
	}
	for _, r := range room {
		if r < 0 && x.mut != deadlinesIgnored {
			return nil, violated
		}
	}
	if len(x.empties) == 0 {
		return nil, linearizable
	}
	n := make([]int32, last+1)         // how many elements whose end is known certainly are there
	arrives := make([][]int32, last+1) // event → the element left over whose put returns there
	for i := range x.pairs {
		switch from, to := x.pairs[i].held(); {
		case leftover[i]:
			arrives[from] = append(arrives[from], int32(i))
		case from < to:
			n[from]++
			n[to]--
		}
	}
	good := make([]bool, last)
	tree := newMinTree(room)
	count := int32(0)
	for m := range last {
		count += n[m]
		for _, i := range arrives[m] {
			until := deadline[i] - 1
			if deadline[i] == last {
				until = last // it has none
			}
			tree.add(m, until, -1)
		}
		good[m] = count == 0 && (tree.min(m, last) >= 0 || x.mut == unknownTakesAll)
	}
	if _, ok := x.fits(func(m int32) bool { return m < last && good[m] }); !ok {
		return nil, violated
	}
	return nil, linearizable
}

// deadlines finds for each element the first return of a take of another one that was certainly put after it, and a flaw when
// the element was certainly not taken before that.
func (x *pairing) deadlines(deadline []int32) *flaw {
	soonest := make([]int, len(x.pairs)+1) // of the pairs from one on, in the order of the calls of their puts
	soonest[len(x.pairs)] = -1
	for i := len(x.pairs) - 1; i >= 0; i-- {
		soonest[i] = soonest[i+1]
		if p := &x.pairs[i]; p.take.id >= 0 && (soonest[i] < 0 || p.take1 < x.pairs[soonest[i]].take1) {
			soonest[i] = i
		}
	}
	after := make([]int32, x.end+2) // event → the first pair whose put is called behind it
	i := int32(len(x.pairs))
	for e := x.end + 1; e >= 0; e-- {
		after[e] = i
		if i > 0 && x.pairs[i-1].put0 == e {
			i--
		}
	}
	for i := range x.pairs {
		a := &x.pairs[i]
		s := soonest[after[min(a.put1, x.end+1)]]
		if s < 0 {
			continue
		}
		b := &x.pairs[s]
		if deadline[i] = min(deadline[i], b.take1); a.take1 > x.end && a.take.id < 0 {
			if len(x.unknown) > 0 {
				continue
			}
		} else if b.take1 >= a.take0 || x.mut == orderIgnored {
			continue
		}
		if x.mut == orderIgnored {
			continue
		}
		f := &flaw{name: "element-overtaken", value: a.value, ops: []op{a.put, b.put}, call: -1}
		if a.take.id >= 0 {
			f.ops = append(f.ops, a.take)
		}
		f.ops = append(f.ops, b.take)
		return f
	}
	return nil
}

// minTree keeps numbers, adds to ranges of them, and gives the smallest of a range.
type minTree struct {
	size      int32
	low, lazy []int32
}

func newMinTree(values []int32) *minTree {
	size := int32(1)
	for size < int32(len(values)) {
		size *= 2
	}
	t := &minTree{size: size, low: make([]int32, 2*size), lazy: make([]int32, 2*size)}
	copy(t.low[size:], values)
	for i := size - 1; i > 0; i-- {
		t.low[i] = min(t.low[2*i], t.low[2*i+1])
	}
	return t
}

// add adds to the numbers from one up to but not including the other.
func (t *minTree) add(from, to, by int32) {
	if from < to {
		t.change(1, 0, t.size, from, to, by)
	}
}

func (t *minTree) change(node, lo, hi, from, to, by int32) {
	switch {
	case to <= lo || hi <= from:
		return
	case from <= lo && hi <= to:
		t.low[node] += by
		t.lazy[node] += by
		return
	}
	mid := (lo + hi) / 2
	t.change(2*node, lo, mid, from, to, by)
	t.change(2*node+1, mid, hi, from, to, by)
	t.low[node] = min(t.low[2*node], t.low[2*node+1]) + t.lazy[node]
}

// min gives the smallest of the numbers from one up to but not including the other.
func (t *minTree) min(from, to int32) int32 { return t.query(1, 0, t.size, from, to) }

func (t *minTree) query(node, lo, hi, from, to int32) int32 {
	switch {
	case to <= lo || hi <= from:
		return never
	case from <= lo && hi <= to:
		return t.low[node]
	}
	mid := (lo + hi) / 2
	a := min(t.query(2*node, lo, mid, from, to), t.query(2*node+1, mid, hi, from, to))
	if a == never {
		return never
	}
	return a + t.lazy[node]
}
