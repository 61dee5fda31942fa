package linear

import (
	"context"
	"math/bits"
	"slices"
)

// words is how many words the counts of used pending operations may take in a configuration.
const words = 4

// config is one way in which what happened so far can have taken effect.
type config struct {
	state int32
	// Of the operations under way, by slot: free need not take effect any more, done cannot. Every done one is free.
	free, done uint64
	used       [words]uint64 // how many pending operations of each class took effect, in fields with a guard bit above each
}

// sweep goes once through the events of a history and keeps the set of all configurations that they may have led to; none
// left means that the history is not linearizable, and stuck is then the operation whose return left none. Its memory is in
// proportion to what is under way at one time, not to the history. It is exact for every machine:
//
//   - an operation takes effect only when a return forces something to (Lowe, "Testing for linearizability", Concurrency and
//     Computation 29(4), 2017: just-in-time linearization);
//   - one that may take effect without changing the state is free from then on: it may be thought to have done so;
//   - so is a blind one when another blind one takes effect, as it may have come just before;
//   - of the operations of one class the one that has to return first goes first, the pending ones last: any order can be
//     changed into such a one, since they do the same;
//   - a configuration is dropped when another one has the same state, no more duties, no fewer possibilities, and has used
//     no more of the pending operations.
func sweep(ctx context.Context, ops []op, m *machine, w *work, mut mutation) (answer, int32) {
	if ctx.Err() != nil {
		return gaveUp, -1
	}
	s := sweeper{ops: ops, machine: m, work: w, mut: mut}
	if !s.prepare() {
		return gaveUp, -1
	}
	next := 0 // the next call, in ops
	for _, r := range s.returns {
		ret := s.ops[r].ret
		for ; next < len(ops) && ops[next].inv < ret; next++ {
			if !s.call(int32(next)) {
				return gaveUp, -1
			}
		}
		s.back(r)
		switch {
		case w.steps < 0 || w.bytes < int64(len(s.now.all)+len(s.seen.all))*configBytes || m.spent != nil && m.spent() > 4*w.bytes:
			return gaveUp, -1
		case len(s.now.all) == 0 && s.capped:
			return gaveUp, -1
		case len(s.now.all) == 0:
			return violated, r
		}
		if s.ticks++; s.ticks%1024 == 0 && ctx.Err() != nil {
			return gaveUp, -1
		}
	}
	return linearizable, -1
}

// configBytes is what a configuration costs in memory with its links.
const configBytes = 64

type sweeper struct {
	*machine
	ops     []op
	work    *work
	mut     mutation
	returns []int32 // operations in the order of their returns
	ticks   int

	slotOf   []int32   // operation → slot while it is under way
	freeSlot uint64    // slots that nobody has
	open     [][]int32 // class → operations under way, the one that returns first first
	called   []int32   // class → pending operations that were called
	active   []int32   // classes with something to use
	field    []field   // class → its count in config.used
	blinds   uint64    // slots of blind operations
	capped   bool      // a configuration was left out because a count did not fit

	now, then, seen frontier
	queue           []config
	states, probe   []int32
}

// field is where a class counts its used pending operations.
type field struct {
	word, shift uint8
	limit       uint64
}

// prepare lays out the slots and fields. It is false when there is not room enough for a history.
func (s *sweeper) prepare() bool {
	s.slotOf = make([]int32, len(s.ops))
	s.freeSlot = ^uint64(0)
	s.open, s.called, s.field = make([][]int32, s.size), make([]int32, s.size), make([]field, s.size)
	order := make([]uint64, 0, len(s.ops))
	pending := make([]int, s.size)
	for i, o := range s.ops {
		if o.pending() {
			pending[s.class[i]]++
		} else {
			order = append(order, uint64(o.ret)<<32|uint64(i))
		}
	}
	slices.Sort(order)
	s.returns = make([]int32, len(order))
	for i, x := range order {
		s.returns[i] = int32(uint32(x))
	}
	for width := 16; ; width-- { // the widest counts that fit
		if width == 0 {
			return false
		}
		if s.layout(pending, width) {
			break
		}
	}
	s.now.reset()
	s.now.all = append(s.now.all, config{state: s.start})
	return true
}

func (s *sweeper) layout(pending []int, width int) bool {
	word, shift := 0, 0
	for c, n := range pending {
		if n == 0 {
			continue
		}
		b := min(bits.Len(uint(n)), width)
		if shift+b+1 > 64 {
			word, shift = word+1, 0
		}
		if word == words {
			return false
		}
		s.field[c] = field{word: uint8(word), shift: uint8(shift), limit: min(uint64(n), 1<<b-1)}
		s.then.guard[word] |= 1 << (shift + b)
		shift += b + 1
	}
	s.then.mut = s.mut
	s.now, s.seen = s.then, s.then
	return true
}

// call begins an operation. It is false when more are under way than there are slots.
func (s *sweeper) call(i int32) bool {
	o, c := &s.ops[i], s.class[i]
	if o.pending() {
		if s.called[c]++; s.called[c] == 1 && len(s.open[c]) == 0 {
			s.active = append(s.active, c)
		}
		return true
	}
	if s.freeSlot == 0 {
		return false
	}
	slot := int32(bits.TrailingZeros64(s.freeSlot))
	s.freeSlot &^= 1 << slot
	s.slotOf[i] = slot
	if len(s.open[c]) == 0 && s.called[c] == 0 {
		s.active = append(s.active, c)
	}
	at := len(s.open[c])
	for at > 0 && s.ops[s.open[c][at-1]].ret > o.ret && s.mut != laterDeadlineFirst {
		at--
	}
	s.open[c] = slices.Insert(s.open[c], at, i)
	if s.blind != nil && s.blind[c] {
		s.blinds |= 1 << slot
	}
	for k := range s.now.all {
		x := &s.now.all[k]
		if s.stays(x.state, c) {
			x.free |= 1 << slot
		}
	}
	return true
}

// stays reports whether an operation of a class may take effect in a state without changing it.
func (s *sweeper) stays(state, c int32) bool {
	s.probe = s.next(s.probe[:0], state, c)
	s.work.steps--
	return slices.Contains(s.probe, state)
}

// back ends an operation: only configurations in which it may have taken effect remain.
func (s *sweeper) back(i int32) {
	c, bit := s.class[i], uint64(1)<<s.slotOf[i]
	s.then.reset()
	s.seen.reset()
	s.queue = s.queue[:0]
	inert := s.inert != nil && s.inert[c]
	for _, x := range s.now.all {
		if x.free&bit != 0 {
			s.pass(x, bit)
		}
		if x.free&bit == 0 || x.done&bit == 0 && !inert && s.mut != freeIsDone {
			s.queue = append(s.queue, x)
		}
	}
	for _, x := range s.queue {
		s.seen.add(x)
	}
	for n := 0; n < len(s.queue) && s.work.steps > 0 && int64(len(s.queue))*configBytes < s.work.bytes; n++ {
		s.spread(s.queue[n], bit, c, inert)
	}
	s.now, s.then = s.then, s.now

	s.freeSlot |= bit
	s.blinds &^= bit
	s.open[c] = slices.Delete(s.open[c], slices.Index(s.open[c], i), slices.Index(s.open[c], i)+1)
	if len(s.open[c]) == 0 && s.called[c] == 0 {
		s.active = slices.Delete(s.active, slices.Index(s.active, c), slices.Index(s.active, c)+1)
	}
}

// pass keeps a configuration behind the return of an operation.
func (s *sweeper) pass(x config, bit uint64) {
	x.free, x.done = x.free&^bit, x.done&^bit
	s.work.steps -= s.then.add(x)
}

// spread lets one more operation take effect, in every way. Also when the one that returns has become free it may yet take
// effect for others to see, which after this it cannot any more.
func (s *sweeper) spread(x config, bit uint64, target int32, inert bool) {
	for _, c := range s.active {
		y := x
		if !s.use(&y, c) {
			continue
		}
		blind := s.blind != nil && (s.blind[c] || s.mut == casHidesWrites)
		s.states = s.next(s.states[:0], x.state, c)
		s.work.steps--
		for _, state := range s.states {
			if state == x.state && (!blind || s.blinds&^x.free == 0) || s.dead != nil && s.dead(state, target) {
				continue
			}
			z := y
			if z.state = state; blind {
				z.free |= s.blinds
			}
			s.settle(&z)
			if z.done&bit != 0 || z.free&bit != 0 && x.free&bit == 0 {
				s.pass(z, bit)
			}
			if z.done&bit != 0 || z.free&bit != 0 && inert || s.mut == neverJustInTime {
				continue
			}
			n, fresh := s.seen.offer(z)
			if s.work.steps -= n; fresh {
				s.queue = append(s.queue, z)
			}
		}
	}
}

// use takes an operation of a class that has not taken effect yet, and is false when there is none.
func (s *sweeper) use(x *config, c int32) bool {
	for _, i := range s.open[c] {
		if bit := uint64(1) << s.slotOf[i]; x.done&bit == 0 {
			x.done |= bit
			x.free |= bit
			return true
		}
	}
	if s.called[c] == 0 {
		return false
	}
	f := s.field[c]
	n := x.used[f.word] >> f.shift & (1<<bits.Len64(f.limit) - 1)
	switch {
	case n >= uint64(s.called[c]):
		return false
	case n >= f.limit:
		s.capped = true
		return false
	}
	if s.mut != usedForgotten {
		x.used[f.word] += 1 << f.shift
	}
	return true
}

// settle frees what may take effect in the state without changing it.
func (s *sweeper) settle(x *config) {
	for _, c := range s.active {
		if len(s.open[c]) == 0 || !s.stays(x.state, c) {
			continue
		}
		for _, i := range s.open[c] {
			x.free |= 1 << s.slotOf[i]
		}
	}
}
