package linear

// frontier is a set of configurations from which those are left out that another one makes needless.
type frontier struct {
	all   []config
	next  []int32       // the next one with the same state, plus 1
	heads []head        // by state
	turn  uint32        // heads of another turn are empty
	guard [words]uint64 // the bit above each count
	mut   mutation
}

type head struct {
	turn  uint32
	first int32
}

func (f *frontier) reset() {
	f.all, f.next = f.all[:0], f.next[:0]
	f.turn++
}

// covers reports whether x makes y needless: with the same state it has no more duties, no fewer possibilities, and has used
// no more. The counts are compared all at once: where one of y is smaller, it borrows its guard bit.
func (f *frontier) covers(x, y *config) bool {
	if x.free&y.free != y.free && f.mut != dutiesNeverCompared || x.done&y.done != x.done && f.mut != possibleNeverCompared {
		return false
	}
	for i, g := range f.guard {
		if ((y.used[i]|g)-x.used[i])&g != g && f.mut != usedNeverCompared {
			return false
		}
	}
	return true
}

func (f *frontier) head(state int32) *head {
	if int(state) >= len(f.heads) {
		f.heads = append(f.heads, make([]head, max(int(state)+1, 2*len(f.heads))-len(f.heads))...)
	}
	h := &f.heads[state]
	if h.turn != f.turn {
		*h = head{turn: f.turn}
	}
	return h
}

// offer puts x into the set unless it is needless there, and says what that cost and whether x is new.
func (f *frontier) offer(x config) (cost int64, fresh bool) {
	h := f.head(x.state)
	for i := h.first; i != 0; i = f.next[i-1] {
		cost++
		if f.covers(&f.all[i-1], &x) {
			return cost, false
		}
	}
	f.all = append(f.all, x)
	f.next = append(f.next, h.first)
	h.first = int32(len(f.all))
	return cost, true
}

// add is offer for a set that nobody walks through: x takes the place of one that it makes needless.
func (f *frontier) add(x config) (cost int64) {
	for i := f.head(x.state).first; i != 0; i = f.next[i-1] {
		old := &f.all[i-1]
		cost++
		switch {
		case f.covers(old, &x):
			return cost
		case f.covers(&x, old):
			*old = x
			return cost
		}
	}
	more, _ := f.offer(x)
	return cost + more
}
