package checker

import (
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/history"
)

// planted is how many adds the canary of a set has.
const planted = 100

// Plant gives some of the adds of one set and the last ok read of each node, in which of these elements all that were
// acknowledged are there but one. The reads' lists are made anew, not read: those of a large set are longer than all the rest.
func (setChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	keys := v.Keys()
	if len(keys) == 0 {
		return nil, false
	}
	calls := v.CallsOf(keys[r.IntN(len(keys))])
	last := map[string]history.Call{}
	first := len(v.Ops) // where the first of the last reads began
	for _, i := range calls {
		if c := v.Calls[i]; v.Inv(c).F == "read" && c.Type == history.OK {
			last[v.Inv(c).Node] = c
		}
	}
	var keep []history.Call
	for _, c := range last {
		keep, first = append(keep, c), min(first, c.Invoke)
	}
	if len(keep) == 0 {
		return nil, false
	}
	// Adds that stand together, from anywhere, and that everybody who read must have known. Of an element that was added
	// twice the other add may be left out: then one of them is enough.
	var sure []history.Call
	seen := map[string]bool{}
	for n, from := 0, r.IntN(len(calls)); n < len(calls) && len(sure) < planted; n++ {
		c := v.Calls[calls[(from+n)%len(calls)]]
		inv := v.Inv(c)
		if inv.F != "add" || c.Type != history.OK || c.Return >= first {
			continue
		}
		if text := Canonical(inv.Value); !seen[text] {
			seen[text] = true
			sure = append(sure, c)
		}
	}
	if len(sure) == 0 {
		return nil, false
	}
	lost := r.IntN(len(sure))
	var there []history.Value
	for i, c := range sure {
		if i != lost {
			there = append(there, v.Inv(c).Value)
		}
	}
	ops := Excerpt(v, slices.Concat(keep, sure))
	for i := range ops {
		if ops[i].F == "read" && ops[i].Type == history.OK {
			ops[i].Value = history.List(there...)
		}
	}
	return ops, true
}
