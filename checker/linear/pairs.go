package linear

import (
	"slices"
	"sort"
)

// byPairs is the name of the algorithms that look at each element's put and take.
const byPairs = "put and take pairs"

// flaw is a violation of a container that says by itself what it is. ops are what proves it, the last one is what cannot be.
type flaw struct {
	name  string
	value int32
	ops   []op
	call  int32 // a refused call, -1 for none
}

// pair is an element: who put it there and who took it, in events of this key alone. A moment is a place between two events,
// and has the number of the event before it.
type pairOf struct {
	value      int32
	put, take  op // take.id is -1 when nobody is known to have taken it
	put0, put1 int32
	take0      int32 // call and return of the take; the end when there was none
	take1      int32
}

// held gives the moments in which the element certainly is there: from one up to but not including the other. There are none
// when put and take overlap.
func (p *pairOf) held() (from, to int32) { return p.put1, p.take0 }

// pairing is a container's history with all elements different, as pairs.
type pairing struct {
	pairs   []pairOf // in the order of the calls of the puts
	left    []int    // pairs that nobody is known to have taken
	empties []pairOf // takes that found nothing: take0 and take1
	unknown []int32  // calls of takes that nobody knows about, in order
	end     int32    // behind all events
	mut     mutation
	rank    []int32
}

// pairs decides a container with elements that are all different. It answers gaveUp where that is not so, or where it is
// not known which element was taken by a take without an end and that matters.
func (c *container) pairs(ops []op) (*flaw, answer) {
	put, take := make([]int32, len(c.values)), make([]int32, len(c.values))
	for i, o := range ops {
		if o.to >= 0 {
			if put[o.to] != 0 {
				return nil, gaveUp
			}
			put[o.to] = int32(i) + 1
		}
	}
	for i, o := range ops {
		v := o.from
		if v < 0 {
			continue
		}
		switch p := put[v] - 1; {
		case p < 0:
			f := &flaw{name: "element-from-nowhere", value: v, ops: []op{o}, call: -1}
			if ci, ok := c.refused[v]; ok {
				f.name, f.call = "refused-element", ci
			}
			return f, violated
		case take[v] != 0 && c.mutation != takenTwiceAccepted:
			return &flaw{name: "element-twice", value: v, ops: []op{ops[p], ops[take[v]-1], o}, call: -1}, violated
		case o.ret < ops[p].inv && c.mutation != takenEarlyAccepted:
			return &flaw{name: "element-too-early", value: v, ops: []op{ops[p], o}, call: -1}, violated
		}
		take[v] = int32(i) + 1
	}
	x := c.arrange(ops, take)
	switch c.by {
	case oldestFirst:
		return x.queue(true)
	case anyElement:
		return x.queue(false)
	case newestFirst:
		return nil, x.withUnknown(x.stack)
	}
	return nil, x.withUnknown(x.priority)
}

// arrange renumbers the events of the key and pairs puts with takes.
func (c *container) arrange(ops []op, take []int32) *pairing {
	at := ranks(ops)
	x := &pairing{end: at.end, mut: c.mutation, rank: c.rank}
	for _, o := range ops {
		switch {
		case o.to >= 0:
			p := pairOf{value: o.to, put: o, put0: at.of(o.inv), put1: at.of(o.ret), take0: x.end, take1: x.end + 1}
			if t := take[o.to]; t != 0 {
				p.take = ops[t-1]
				p.take0, p.take1 = at.of(p.take.inv), at.of(p.take.ret)
			} else {
				p.take.id = -1
				x.left = append(x.left, len(x.pairs))
			}
			x.pairs = append(x.pairs, p)
		case o.from == nothingThere:
			x.empties = append(x.empties, pairOf{take: o, take0: at.of(o.inv), take1: at.of(o.ret)})
		case o.from == nobodyKnows:
			x.unknown = append(x.unknown, at.of(o.inv))
		}
	}
	return x
}

// ranking renumbers events, so that a key in a long history costs no more than its own.
type ranking struct {
	table  []int32
	low    int32
	sorted []int32
	end    int32
}

func ranks(ops []op) ranking {
	var pos []int32
	for _, o := range ops {
		pos = append(pos, o.inv)
		if !o.pending() {
			pos = append(pos, o.ret)
		}
	}
	r := ranking{end: int32(len(pos))}
	if len(pos) == 0 {
		return r
	}
	if low, high := slices.Min(pos), slices.Max(pos); int(high-low) < 16*len(pos) {
		r.low, r.table = low, make([]int32, high-low+1)
		for _, p := range pos {
			r.table[p-low] = 1
		}
		n := int32(0)
		for i, is := range r.table {
			r.table[i] = n
			n += is
		}
		return r
	}
	slices.Sort(pos)
	r.sorted = pos
	return r
}

// of gives an event's number; what never happens is behind the end.
func (r *ranking) of(pos int32) int32 {
	switch {
	case pos == never:
		return r.end + 1
	case r.table != nil:
		return r.table[pos-r.low]
	}
	n, _ := slices.BinarySearch(r.sorted, pos)
	return int32(n)
}

// covered counts how many elements certainly are there in each moment.
func (x *pairing) covered() []int32 {
	n := make([]int32, x.end+2)
	for i := range x.pairs {
		if from, to := x.pairs[i].held(); from < to {
			n[from]++
			n[to]--
		}
	}
	for i := 1; i < len(n); i++ {
		n[i] += n[i-1]
	}
	return n
}

// fits reports whether every take that found nothing has a moment for which good holds, and gives one that has none.
func (x *pairing) fits(good func(moment int32) bool) (*pairOf, bool) {
	if len(x.empties) == 0 || x.mut == emptyAlwaysFits {
		return nil, true
	}
	next := make([]int32, x.end+2) // the first good moment that is not before
	next[x.end+1] = x.end + 1
	for m := x.end; m >= 0; m-- {
		if next[m] = next[m+1]; good(m) {
			next[m] = m
		}
	}
	for i := range x.empties {
		if e := &x.empties[i]; next[e.take0] >= e.take1 {
			return e, false
		}
	}
	return nil, true
}

// withUnknown decides with a decider that knows nothing of takes without a known end. Each of those may have taken one of the
// elements that nobody is known to have taken, at any time from its call on. If there is an order without them, there is one.
// If there is none even when the first of them had taken all those elements, there is none. Between the two, some ways to
// deal them out are tried; if one works, it works. Else this gives up.
func (x *pairing) withUnknown(decide func() answer) answer {
	a := decide()
	if a == linearizable || len(x.unknown) == 0 || len(x.left) == 0 {
		return a
	}
	back := slices.Clone(x.pairs)
	defer func() { x.pairs = back }()
	deal := func(element int, call int32) {
		x.pairs[element].take0, x.pairs[element].take1 = call, x.end+1
	}
	x.pairs = slices.Clone(back)
	for _, l := range x.left {
		deal(l, x.unknown[0])
	}
	if a := decide(); a == violated || x.mut == relaxedIsOrder {
		return a
	}
	byReturn := slices.Clone(x.left)
	sort.SliceStable(byReturn, func(i, j int) bool { return back[byReturn[i]].put1 < back[byReturn[j]].put1 })
	for _, way := range []func(free []int, call int32) int{
		func([]int, int32) int { return 0 }, // the oldest element
		func(free []int, call int32) int { // the newest that is there
			for n := len(free) - 1; n > 0; n-- {
				if back[free[n]].put1 < call {
					return n
				}
			}
			return 0
		},
	} {
		free := slices.Clone(byReturn)
		x.pairs = slices.Clone(back)
		for _, call := range x.unknown {
			if len(free) == 0 {
				break
			}
			n := way(free, call)
			deal(free[n], call)
			free = slices.Delete(free, n, n+1)
		}
		if a := decide(); a == linearizable || x.mut == relaxedIsProof {
			return a
		}
	}
	return gaveUp
}
