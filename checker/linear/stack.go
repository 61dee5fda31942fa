package linear

import "slices"

// stack decides a stack with different elements exactly in O(n log n), every pop being known; elements that were never popped
// count as popped at the end, all at once.
//
//   - An element whose push and pop overlap can be put and taken in one moment, which disturbs nobody: it can be left out.
//   - The others are certainly there from the return of the push to the call of the pop. In a moment in which none of them
//     is there, the history falls into two that have nothing to do with each other: every element has either all its calls
//     before or all its returns behind. So each stretch of time in which there always is one stands for itself.
//   - In an order of such a stretch the element that was pushed first is popped last, or the stack would be empty
//     between. It can be any one whose push was called before any other element's push returned, and whose pop returned after
//     every other one's pop was called: with such an element at the bottom, the rest have an order exactly if all have. So it
//     is left out, which may part the stretch; where there is no such element there is no order.
//
// The idea of leaving elements out one by one is that of Lee & Mathur, OOPSLA 2025. A pop that found nothing needs a moment
// in which no element certainly is there.
func (x *pairing) stack() answer {
	n := x.covered()
	if _, ok := x.fits(func(m int32) bool { return n[m] == 0 }); !ok {
		return violated
	}
	var s stacker
	s.mut = x.mut
	for i := range x.pairs {
		if p := &x.pairs[i]; p.put1 < p.take0 {
			s.all = append(s.all, p)
		}
	}
	slices.SortFunc(s.all, func(a, b *pairOf) int { return int(a.put1 - b.put1) })
	s.cover = newCoverTree(n)
	s.early, s.late = newTop(len(s.all)), newTop(len(s.all))
	for i, p := range s.all {
		s.early.set(i, -p.put0)
	}
	s.split(0, x.end+1)
	for len(s.todo) > 0 {
		t := s.todo[len(s.todo)-1]
		s.todo = s.todo[:len(s.todo)-1]
		if !s.bottom(t) {
			return violated
		}
	}
	return linearizable
}

// stretch is a row of moments, from one up to but not including the other.
type stretch struct{ from, to int32 }

type stacker struct {
	mut   mutation
	all   []*pairOf // by the return of the push
	cover *coverTree
	// Of the elements: the call of the push, negative, while that was not before the stretch; then the return of the pop.
	early, late *top
	todo        []stretch
}

// bottom leaves out the element at the bottom of a stretch. It is false when none can be there.
func (s *stacker) bottom(t stretch) bool {
	from := s.index(t.from)
	to := s.index(t.to)
	for {
		i, call := s.early.best(from, to)
		if i < 0 || -call >= t.from && s.mut != bottomPushedAnytime {
			break
		}
		s.early.clear(i)
		s.late.set(i, s.all[i].take1)
	}
	i, ret := s.late.best(from, to)
	if i < 0 || ret <= t.to && s.mut != bottomPopsAnytime {
		return false
	}
	s.late.clear(i)
	s.cover.add(s.all[i].put1, s.all[i].take0, -1)
	s.split(t.from, t.to)
	return true
}

// index finds the first element whose push returned at an event or later.
func (s *stacker) index(event int32) int {
	i, _ := slices.BinarySearchFunc(s.all, event, func(p *pairOf, e int32) int { return int(p.put1 - e) })
	return i
}

// split finds the stretches between two moments.
func (s *stacker) split(from, to int32) {
	for from < to {
		begin := s.cover.find(from, true)
		if begin >= to {
			return
		}
		end := min(s.cover.find(begin, false), to)
		s.todo = append(s.todo, stretch{begin, end})
		from = end
	}
}
