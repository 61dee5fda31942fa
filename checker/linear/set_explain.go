package linear

import (
	"cmp"
	"context"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// conflict is a flaw in the order of two layers: last was called after what is given, an add of value or a read, had returned,
// and yet belongs before it. previous is a read of the layers before.
func (s *set) conflict(last late, add, read, previous, value int32) *setFlaw {
	f := &setFlaw{value: value, call: -1}
	switch {
	case add >= 0 && last.read >= 0:
		f.name, f.adds, f.reads = "stale-read", []int32{add}, []int32{last.read}
		f.text = "did not see " + s.show(value) + ", although its adding had been acknowledged before the read began"
		f.why = "an element that was added stays, so every later read shows it"
	case add >= 0:
		f.name, f.adds, f.reads = "nonlinearizable", []int32{add, last.add}, []int32{previous}
		f.text = "saw " + s.show(last.value) + " but not " + s.show(value) + ", although " + s.show(value) + " had been added, and acknowledged, before anybody asked for " + s.show(last.value) + " to be added"
		f.why = "an element that was added stays, so a read that shows a later one shows it too"
	case last.read >= 0:
		f.name, f.reads = "stale-read", []int32{read, last.read}
		f.text = "did not see all that an earlier read had shown before this one began"
		f.why = "an element that was added stays, so a later read shows no less"
	default:
		f.name, f.adds, f.reads = "future-read", []int32{last.add}, []int32{read}
		f.text = "saw " + s.show(last.value) + " before anybody had asked for it to be added"
		f.why = "an element cannot be seen before its first add is called"
	}
	return f
}

// incomparable is the flaw of two reads that each show an element that the other does not.
func (s *set) incomparable(a, b int32) *setFlaw {
	f := &setFlaw{name: "nonlinearizable", value: none, reads: []int32{a, b}, call: -1}
	lacks := func(x, y int32) int32 { // an element of x that y does not show
		for _, v := range s.seen[s.reads[x].from] {
			if _, ok := slices.BinarySearch(s.seen[s.reads[y].from], v); !ok {
				return v
			}
		}
		return none
	}
	only, other := lacks(b, a), lacks(a, b)
	f.text = "saw " + s.show(only) + " but not " + s.show(other) + ", and another read saw it the other way round"
	f.why = "elements never go, so that of two reads one must show all that the other shows"
	for _, v := range []int32{only, other} {
		if v != none && s.elems[v].invOp >= 0 {
			f.adds = append(f.adds, s.elems[v].invOp)
		}
	}
	return f
}

func (s *set) show(value int32) string {
	if value == none {
		return "nothing more"
	}
	return checker.Show(s.values[value])
}

// describe shows the reads and adds that contradict each other.
func (s *set) describe(context.Context) checker.Anomaly {
	f := s.wrong
	var calls []history.Call
	for _, a := range f.adds {
		calls = append(calls, s.view.Calls[s.adds[a].call])
	}
	for _, r := range f.reads {
		calls = append(calls, s.view.Calls[s.reads[r].call])
	}
	if f.call >= 0 {
		calls = append(calls, s.view.Calls[f.call])
	}
	who := checker.Who(s.view.Ops[s.reads[f.reads[len(f.reads)-1]].inv])
	slices.SortFunc(calls, func(a, b history.Call) int { return cmp.Compare(a.Invoke, b.Invoke) })
	ex := checker.Exhibit{Why: f.why}
	for _, c := range calls {
		ex.Ops = append(ex.Ops, checker.ExhibitCall(s.view, c, ""))
	}
	return checker.Anomaly{Name: f.name, Ops: checker.Events(s.view, calls...), Text: who + " " + f.text, Data: ex}
}
