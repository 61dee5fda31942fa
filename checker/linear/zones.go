package linear

import "slices"

// zones decides a register exactly when its inserted values are all different, in O(n log n): Gibbons & Korach, "Testing
// Shared Memories", SIAM J. Comput. 26(4), 1997. Their cluster of one value is its write and its reads; a cas glues the
// cluster of the value that it inserts behind that of the value that it saw. Nothing else can happen inside such a chain, so
// that it moves as one piece. ok is false when two operations insert the same value, and then nothing is decided.
//
// proof, when there is one, is a part of the history that is violated by itself: with each operation it has those that
// inserted what it saw.
//
// Every operation must have happened: those pending ones that nobody saw were dropped before (dropUnseen), and one that
// somebody saw did happen, as nobody else inserts its value.
//
// With chains in place, A must come before B when some operation of A returned before one of B was called, that is when
// first(A) < last(B). A cycle of that implies one of length two: of a cycle take the chain with the smallest first, and the
// one before it. So it is enough to look for two chains that each must come before the other.
func zones(ops []op, values int, m mutation) (proof []op, ok bool) {
	z := zoner{ops: ops, writer: make([]int32, values), out: make([]int32, values), m: m}
	for _, step := range []func() bool{z.links, z.insides, z.pairs} {
		if !step() {
			return nil, false
		}
		if z.proof != nil {
			return z.proof, true
		}
	}
	return nil, true
}

// chain is a row of values that cas join.
type chain struct {
	first, last     int32 // its smallest return (-1: the initial value was there before everything) and its largest call
	firstID, lastID int32 // whose those are
}

type zoner struct {
	ops    []op
	writer []int32 // value → the operation that inserts it, plus 1; 0 for none
	out    []int32 // value → the cas that moves away from it, plus 1
	chains []chain
	m      mutation
	proof  []op
}

// links finds each value's writer and the cas behind it. It is false when a value has two writers.
func (z *zoner) links() bool {
	for i := range z.ops {
		o := &z.ops[i]
		if o.to == none {
			continue
		}
		if o.to == initialID || z.writer[o.to] != 0 {
			return false
		}
		z.writer[o.to] = int32(i) + 1
	}
	for i := range z.ops {
		o := &z.ops[i]
		switch {
		case o.from == none:
			continue
		case o.from != initialID && z.writer[o.from] == 0 && z.m != thinAirAccepted:
			z.proof = z.with(int32(i))
			return true
		case o.to == none:
			continue
		case z.out[o.from] != 0 && z.m != twoCasAccepted:
			z.proof = z.with(z.out[o.from]-1, int32(i))
			return true
		}
		z.out[o.from] = int32(i) + 1
	}
	return true
}

// with gives operations and who inserted what they saw, back to a write or the initial value; and for one without a known
// end somebody who saw its value, or it would not have to have happened.
func (z *zoner) with(ids ...int32) []op {
	in := map[int32]bool{}
	var out []op
	for _, i := range ids {
		if i >= 0 && z.ops[i].pending() {
			ids = append(ids, z.witness(i))
		}
	}
	for n := 0; n < len(ids); n++ {
		i := ids[n]
		if i < 0 || in[i] {
			continue
		}
		in[i] = true
		o := z.ops[i]
		out = append(out, o)
		if o.from > initialID {
			ids = append(ids, z.writer[o.from]-1)
		}
	}
	slices.SortFunc(out, func(a, b op) int { return int(a.inv - b.inv) })
	return out
}

// witness gives an operation with a known end that saw what a pending one inserted, directly or through other pending ones.
func (z *zoner) witness(i int32) int32 {
	looked := map[int32]bool{}
	for queue := []int32{z.ops[i].to}; len(queue) > 0; queue = queue[1:] {
		for _, o := range z.ops {
			switch {
			case o.from != queue[0]:
			case !o.pending():
				return o.id
			case !looked[o.to]:
				looked[o.to] = true
				queue = append(queue, o.to)
			}
		}
	}
	return i
}

// insides makes the chains and looks inside: no later part of one may return before an earlier part's latest call. The parts
// are the write, the reads of its value, the cas behind them, the reads of what that inserts, and so on.
func (z *zoner) insides() bool {
	reads := make([]chain, len(z.writer)) // value → the smallest return and the largest call of its reads
	for v := range reads {
		reads[v] = chain{first: never, last: -1, firstID: -1, lastID: -1}
	}
	for i := range z.ops {
		o := &z.ops[i]
		if o.from == none || o.to != none {
			continue
		}
		r := &reads[o.from]
		if o.ret < r.first || r.firstID < 0 {
			r.first, r.firstID = o.ret, int32(i)
		}
		if o.inv > r.last {
			r.last, r.lastID = o.inv, int32(i)
		}
	}
	z.chains = make([]chain, 0, len(z.writer))
	covered := 0 // writers that stand in a chain
	for v := range z.writer {
		w := z.writer[v] - 1
		c := chain{first: -1, last: -1, firstID: -1, lastID: -1}
		switch {
		case int32(v) == initialID:
		case w < 0 || z.ops[w].from != none && z.m != chainsKeptApart:
			continue // nobody's, or glued behind another value
		default:
			c = chain{first: z.ops[w].ret, last: z.ops[w].inv, firstID: w, lastID: w}
			covered++
		}
		for at := int32(v); ; {
			if r := reads[at]; r.firstID >= 0 && !z.append(&c, r) {
				return true
			}
			next := z.out[at] - 1
			if next < 0 || z.m == chainsKeptApart {
				break
			}
			o := z.ops[next]
			if !z.append(&c, chain{first: o.ret, last: o.inv, firstID: next, lastID: next}) {
				return true
			}
			covered++
			at = o.to
		}
		z.chains = append(z.chains, c)
	}
	if z.m == casRingAccepted {
		return true
	}
	for v := range z.writer { // what stands in no chain stands in a ring of cas, where each needs the one before
		if z.writer[v] == 0 {
			continue
		}
		if covered--; covered < 0 {
			z.ring()
			break
		}
	}
	return true
}

// append puts a part behind a chain, and is false when the part cannot stand there.
func (z *zoner) append(c *chain, part chain) bool {
	if part.first < c.last && z.m != insidesIgnored {
		z.proof = z.with(c.lastID, part.firstID)
		return false
	}
	if part.first < c.first {
		c.first, c.firstID = part.first, part.firstID
	}
	if part.last > c.last {
		c.last, c.lastID = part.last, part.lastID
	}
	return true
}

// ring proves that some cas only feed each other.
func (z *zoner) ring() {
	state := make([]int8, len(z.writer)) // 1: being walked, 2: leads to a write or the initial value
	for v := range z.writer {
		var path []int32
		at := int32(v)
		for at != initialID && z.writer[at] != 0 && state[at] == 0 {
			state[at] = 1
			path = append(path, at)
			if at = z.ops[z.writer[at]-1].from; at == none {
				break
			}
		}
		if at > initialID && z.writer[at] != 0 && state[at] == 1 {
			z.proof = z.with(z.writer[at] - 1)
			return
		}
		for _, p := range path {
			state[p] = 2
		}
	}
}

// pairs looks for two chains that each must come before the other. In the order of first, B stands against the chain with the
// largest last among those that begin before B and of which first < last(B).
func (z *zoner) pairs() bool {
	order := make([]uint64, len(z.chains)) // first and position in one number
	for i, c := range z.chains {
		order[i] = uint64(int64(c.first)+1)<<32 | uint64(i)
	}
	slices.Sort(order)
	worst := make([]int32, len(order)+1) // worst[k]: of the first k in order, the one with the largest last, plus 1
	for k, x := range order {
		b := z.chains[uint32(x)]
		worst[k+1] = worst[k]
		if worst[k] == 0 || b.last > z.chains[worst[k]-1].last {
			worst[k+1] = int32(uint32(x)) + 1
		}
		n := k
		if b.last <= b.first { // all of B overlap: only chains that are done somewhere before its last call
			n, _ = slices.BinarySearch(order[:k], uint64(b.last+1)<<32)
		}
		if worst[n] == 0 {
			continue
		}
		a := z.chains[worst[n]-1]
		if z.m == zonesMayOverlap && b.last <= b.first {
			continue
		}
		if a.last > b.first {
			z.proof = z.with(a.firstID, a.lastID, b.firstID, b.lastID)
			return true
		}
	}
	return true
}
