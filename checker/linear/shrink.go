package linear

import (
	"context"
	"slices"
)

// shrink gives a smaller set of operations that still proves the violation. Only such operations are taken
// away as keep the proof a proof, so that what is left cannot be explained by what was taken:
//   - the end of the history (what had not returned by then becomes pending);
//   - a read;
//   - a write or cas together with all that saw its value;
//   - what a cas saw: it is kept as if it were a write. Such operations are in the result with from = none.
//
// The work for it is bounded; what was reached by then is the result.
//
// stuck is an event by which the violation is known to be there, 0 when none is.
func shrink(ctx context.Context, ops []op, values, stuck int) []op {
	s := shrinker{ctx: ctx, left: &work{steps: 20_000_000, bytes: 1 << 30}, values: values}
	ops = slices.Clone(ops)
	if stuck > 0 {
		ops = s.until(ops, int32(stuck))
	} else {
		ops = s.prefix(ops)
	}
	ops = s.drop(ops)
	return s.forget(ops)
}

type shrinker struct {
	ctx    context.Context
	left   *work
	values int
}

// violated reports whether ops certainly are not linearizable.
func (s *shrinker) violated(ops []op) bool {
	s.left.steps -= int64(8 * len(ops)) // what a search costs before its first step
	if s.left.steps < 0 || s.ctx.Err() != nil {
		return false
	}
	w := &work{steps: min(s.left.steps, 2_000_000), bytes: 64 << 20}
	before := w.steps
	a := decideOps(s.ctx, ops, s.values, w)
	s.left.steps -= before - w.steps
	return a == violated
}

// prefix finds the shortest beginning that is violated already. Each beginning of a linearizable history is
// linearizable, so a binary search finds it.
func (s *shrinker) prefix(ops []op) []op {
	var ends []int32
	for _, o := range ops {
		if !o.pending() {
			ends = append(ends, o.ret)
		}
	}
	slices.Sort(ends)
	lo, hi := 0, len(ends) // ends[:hi] is violated
	best := ops
	for lo < hi-1 {
		mid := (lo + hi) / 2
		if p := s.until(ops, ends[mid-1]); s.violated(p) {
			hi, best = mid, p
		} else {
			lo = mid
		}
	}
	if lo == 0 && hi == 1 {
		if p := s.until(ops, ends[0]); s.violated(p) {
			best = p
		}
	}
	return best
}

// until is what a history looks like that ends behind the event at pos.
func (s *shrinker) until(ops []op, pos int32) []op {
	var out []op
	for _, o := range ops {
		switch {
		case o.inv > pos:
			continue
		case o.ret > pos && o.read():
			continue
		case o.ret > pos:
			o.ret = never
		}
		out = append(out, o)
	}
	return dropUnseen(out, s.values, intact)
}

// drop takes away what can be taken, large pieces first (delta debugging), until no single operation can go.
func (s *shrinker) drop(ops []op) []op {
	for size := max(1, len(ops)/2); ; {
		smaller := false
		for i := 0; i < len(ops); {
			end := min(i+size, len(ops))
			out := dropUnseen(without(ops, i, end), s.values, intact)
			if len(out) < len(ops) && s.violated(out) {
				ops, smaller = out, true
				continue
			}
			i = end
		}
		switch {
		case size > 1:
			size /= 2
		case !smaller:
			return ops
		}
	}
}

// without takes away ops[from:to] and, for each insert among what goes, all that saw its value.
func without(ops []op, from, to int) []op {
	gone := make([]bool, len(ops))
	for i := from; i < to; i++ {
		gone[i] = true
	}
	for again := true; again; {
		again = false
		unwritten := map[int32]bool{}
		for i, o := range ops {
			if gone[i] && o.to != none {
				unwritten[o.to] = true
			}
		}
		for i, o := range ops {
			if !gone[i] && o.from != none && unwritten[o.from] {
				gone[i], again = true, true
			}
		}
	}
	var out []op
	for i, o := range ops {
		if !gone[i] {
			out = append(out, o)
		}
	}
	return out
}

// forget turns cas into writes, one after the other, where that lets operations go which only explained what the cas saw.
func (s *shrinker) forget(ops []op) []op {
	for i := len(ops) - 1; i >= 0; i-- {
		if i >= len(ops) || ops[i].from == none || ops[i].read() {
			continue
		}
		weaker := slices.Clone(ops)
		weaker[i].from = none
		if !s.violated(weaker) {
			continue
		}
		if out := s.drop(weaker); len(out) < len(ops) {
			ops = out
		}
	}
	return ops
}
