package checker

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/history"
)

// Planter is a Checker that can put a violation into a history: the canary of a run. Whoever runs a checker that says
// valid lets it judge what it planted; a checker that does not see it did not see anything else either.
type Planter interface {
	// Plant gives the events of a small part of v that a checker must call invalid, for exactly one thing in them is wrong,
	// and was put there. The part is bounded, however large v is. Everything else is as in v, indices included, but for
	// elements that were left out. False: there is nothing in v in which something could be planted.
	Plant(v *history.View, r *rand.Rand) (ops []history.Op, ok bool)
}

// Excerpt gives copies of the events of calls, in their order: part of a history that is one itself. A call that is said to
// be Info although it ended otherwise (what came so late is not part of the excerpt) ends so.
func Excerpt(v *history.View, calls []history.Call) []history.Op {
	type event struct {
		at      int
		unknown bool
	}
	var events []event
	for _, c := range calls {
		events = append(events, event{at: c.Invoke})
		switch {
		case c.Return >= 0:
			events = append(events, event{c.Return, c.Type == history.Info})
		case c.Info >= 0:
			events = append(events, event{at: c.Info})
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	ops := make([]history.Op, len(events))
	for i, e := range events {
		ops[i] = v.Ops[e.at]
		if e.unknown {
			ops[i].Type, ops[i].Value, ops[i].Ext = history.Info, "", ""
		}
	}
	return ops
}

// distinct gives each call once, in the order of their calls.
func distinct(calls []history.Call) []history.Call {
	slices.SortFunc(calls, func(a, b history.Call) int { return cmp.Compare(a.Invoke, b.Invoke) })
	return slices.CompactFunc(calls, func(a, b history.Call) bool { return a.Invoke == b.Invoke })
}
