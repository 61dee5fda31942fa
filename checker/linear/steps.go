package linear

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// shownBefore is how many finished operations are shown before the one that cannot be explained.
const shownBefore = 4

// steps is one key's history of an object that the sweep decides, and porcupine where that gives up.
type steps struct {
	options
	view    *history.View
	ops     []op
	object  string
	machine func(ops []op) *machine
	stuck   int32 // the operation whose return cannot be explained, -1 for unknown
}

func (s *steps) operations() int { return len(s.ops) }

func (s *steps) decide(ctx context.Context) decision {
	for i := range s.ops {
		s.ops[i].id = int32(i)
	}
	d := decision{name: "nonlinearizable"}
	d.answer, d.by, s.stuck = explore(ctx, s.ops, s.machine(s.ops), s.options)
	return d
}

// describe shows the operation at whose return no explanation was left, what was under way then, and what had ended
// just before. Where porcupine decided it is not known which operation that is, and it is searched for.
func (s *steps) describe(ctx context.Context) checker.Anomaly {
	if s.stuck < 0 {
		s.stuck = s.firstStuck(ctx)
	}
	last := s.ops[s.stuck]
	var open, before []op
	for _, o := range s.ops {
		switch {
		case o.inv > last.ret || o.id == last.id:
		case o.ret > last.ret:
			open = append(open, o)
		default:
			before = append(before, o)
		}
	}
	slices.SortFunc(before, func(a, b op) int { return cmp.Compare(a.ret, b.ret) })
	ended := len(before)
	before = before[max(0, ended-shownBefore):]
	var calls []history.Call
	notes := map[int]string{}
	for _, o := range slices.Concat(before, open, []op{last}) {
		c := s.view.Calls[o.call]
		if o.ret > last.ret {
			notes[c.Invoke] = "was under way: may have taken effect, or not"
		}
		calls = append(calls, c)
	}
	notes[int(last.inv)] = "cannot be explained"
	slices.SortFunc(calls, func(a, b history.Call) int { return cmp.Compare(a.Invoke, b.Invoke) })
	ex := checker.Exhibit{Why: "every order was tried up to the return of that operation, and none fits"}
	for _, c := range calls {
		ex.Ops = append(ex.Ops, checker.ExhibitCall(s.view, c, notes[c.Invoke]))
	}
	inv := s.view.Ops[last.inv]
	return checker.Anomaly{
		Name: "nonlinearizable", Ops: checker.Events(s.view, calls...), Data: ex,
		Text: fmt.Sprintf("the %d operations on this %s that had ended before can be put into an order, but none explains what the %s of %s answered as well, whatever the %d operations under way did",
			ended, s.object, inv.F, checker.Who(inv), len(open)),
	}
}

// firstStuck finds the return by which the history cannot be explained any more: each beginning of a linearizable history is
// linearizable.
func (s *steps) firstStuck(ctx context.Context) int32 {
	var ends []op
	for _, o := range s.ops {
		if !o.pending() {
			ends = append(ends, o)
		}
	}
	slices.SortFunc(ends, func(a, b op) int { return cmp.Compare(a.ret, b.ret) })
	n := sort.Search(len(ends), func(n int) bool {
		var part []op
		for _, o := range s.ops {
			if o.inv > ends[n].ret {
				continue
			}
			if o.ret > ends[n].ret {
				o.ret = never
			}
			part = append(part, o)
		}
		return search(ctx, part, s.machine(part), keyBudget(), intact) == violated
	})
	return ends[min(n, len(ends)-1)].id
}
