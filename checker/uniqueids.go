package checker

import (
	"context"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// UniqueIDs is the checker of id generators (operation generate): no id was given to two callers, whichever nodes they
// asked. Ids are compared as JSON values, so that 1 and 1.0 are one id, and 1 and "1" are two.
func UniqueIDs() Spec {
	return Spec{"unique-ids", "no id that was generated (generate) was given out twice", uniqueIDsChecker{}}
}

// What a test may leave out of the rules.
const (
	idsBySpelling mistake = "ids are compared as they are spelled"
	idsOfAnybody  mistake = "what did not succeed gives an id too"
	idsWithNil    mistake = "no id is an id"
)

type uniqueIDsChecker struct{ without mistake }

// idCounts are the figures of all generators of a history.
type idCounts struct{ attempted, acknowledged, duplicated int }

// Check judges each key as a generator of its own.
func (k uniqueIDsChecker) Check(ctx context.Context, in Input) Result {
	var t idCounts
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) { return k.judge(in.History, key, &t) })
	out.needs(t.acknowledged > 1, "fewer than two ids were generated: none can be there twice")
	out.Facts = map[string]any{"algorithm": "one pass", "asked for": t.attempted, "ids given out": t.acknowledged, "duplicated": t.duplicated}
	return out
}

func (k uniqueIDsChecker) judge(v *history.View, key string, t *idCounts) ([]Anomaly, error) {
	var reason error
	first := make(map[string]int, len(v.CallsOf(key))) // position in Calls of whoever got it first
	more := map[string][]int{}
	var twice []string
	for _, i := range v.CallsOf(key) {
		c := v.Calls[i]
		inv := v.Inv(c)
		if inv.F != "generate" {
			return nil, malformed(inv.Index, "operation %q: a generator of ids has generate", inv.F)
		}
		t.attempted++
		if c.Return < 0 || c.Type != history.OK && k.without != idsOfAnybody {
			continue
		}
		ret := v.Ops[c.Return]
		if ret.Value.IsNil() && k.without != idsWithNil {
			if c.Type == history.OK && reason == nil {
				reason = malformed(ret.Index, "generate succeeded and gave no id")
			}
			continue
		}
		t.acknowledged++
		id := Canonical(ret.Value)
		if k.without == idsBySpelling {
			id = string(ret.Value)
		}
		if _, seen := first[id]; !seen {
			first[id] = i
			continue
		}
		if more[id] == nil {
			twice = append(twice, id)
			more[id] = []int{first[id]}
		}
		more[id] = append(more[id], i)
	}
	t.duplicated += len(twice)
	if len(twice) == 0 {
		return nil, reason
	}
	return []Anomaly{duplicateIDs(v, twice, more)}, reason
}

// idData is the Data of a duplicate id.
type idData struct {
	IDs   []history.Value `json:"ids"` // the first of them
	Count int             `json:"count"`
	Exhibit
}

func duplicateIDs(v *history.View, twice []string, more map[string][]int) Anomaly {
	d := idData{Count: len(twice)}
	var calls []history.Call
	for _, id := range twice[:min(len(twice), listed)] {
		d.IDs = append(d.IDs, history.Value(id))
		for _, i := range more[id][:min(len(more[id]), 3)] {
			if len(calls) < 9 {
				calls = append(calls, v.Calls[i])
			}
		}
	}
	a, b := v.Inv(v.Calls[more[twice[0]][0]]), v.Inv(v.Calls[more[twice[0]][1]])
	slices.SortFunc(calls, func(a, b history.Call) int { return a.Invoke - b.Invoke })
	d.Exhibit = exhibit(v, calls, "an id is given out once, to one caller", func(history.Call) string { return "" })
	return Anomaly{
		Name: "duplicate-id", Ops: Events(v, calls...), Data: d,
		Text: fmt.Sprintf("%s given out twice or more, among them %s to %s and to %s: %s", count(len(twice), "id"), cut(twice[0], 60), Who(a), Who(b), few(twice)),
	}
}
