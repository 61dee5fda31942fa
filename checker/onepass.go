package checker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// mistake is a rule that a test leaves out of a checker, to see that the stories and the oracle notice. "" is none.
type mistake string

// mostReasons is how many sentences of one kind a reason has.
const mostReasons = 4

// eachKey judges each key as an object of its own. judge gives what is wrong with one, and why it could not be judged whole.
func eachKey(ctx context.Context, in Input, judge func(key string) (as []Anomaly, unknown error)) Result {
	if len(in.History.Keys()) == 0 {
		return Result{Reason: "the history has no operation of a client"}
	}
	out := Result{Verdict: Valid}
	var why, wrong []string
	for _, key := range in.History.Keys() {
		if ctx.Err() != nil {
			out.Verdict = out.verdictSoFar()
			why = append(why, "the time was up before every key was judged")
			break
		}
		as, unknown := judge(key)
		if unknown != nil {
			out.doubt(unknown)
			why = append(why, unknown.Error())
		}
		for _, a := range as {
			out.Verdict = Invalid
			a.Key, a.RulesOut = key, RulesOut(a.Name)
			if key != "" {
				a.Text = key + ": " + a.Text
			}
			out.Anomalies = append(out.Anomalies, a)
		}
	}
	slices.SortStableFunc(out.Anomalies, func(a, b Anomaly) int { return cmp.Compare(weightOf(b), weightOf(a)) })
	for _, a := range out.Anomalies[:min(len(out.Anomalies), mostReasons)] {
		wrong = append(wrong, a.Text)
	}
	why = slices.Compact(why)
	out.Reason = strings.Join(append(wrong, why[:min(len(why), mostReasons)]...), "; ")
	return out
}

// doubt makes a result Unknown unless it is worse.
func (r *Result) doubt(why error) {
	r.Verdict = Merge(r.Verdict, Unknown)
	if m := (*Malformed)(nil); r.Malformed == nil && errors.As(why, &m) {
		r.Malformed = m
	}
}

// weightOf is how bad an anomaly is, so that the worst is shown first.
func weightOf(a Anomaly) int64 {
	if w, ok := a.Data.(interface{ weight() int64 }); ok {
		return w.weight()
	}
	return 0
}

// needs says of a valid result what it lacked to mean anything.
func (r *Result) needs(met bool, why string) {
	if r.Verdict == Valid && !met {
		r.Verdict, r.Reason = Unknown, why
	}
}

// extremes are the first, the worst and the last of many findings of one kind.
type extremes[T any] struct {
	Count int `json:"count"`
	First T   `json:"first"`
	Worst T   `json:"worst"`
	Last  T   `json:"last"`
	by    int64
}

// add notes one more, in the order of the history; by is how bad it is.
func (e *extremes[T]) add(x T, by int64) {
	if e.Count++; e.Count == 1 {
		e.First = x
	}
	if e.Count == 1 || by > e.by {
		e.Worst, e.by = x, by
	}
	e.Last = x
}

func (e *extremes[T]) weight() int64 { return e.by }

// notable lists the calls of the first, the worst and the last, each once, in their order.
func (e *extremes[T]) notable(call func(T) history.Call) []history.Call {
	cs := []history.Call{call(e.First), call(e.Worst), call(e.Last)}
	slices.SortFunc(cs, func(a, b history.Call) int { return a.Invoke - b.Invoke })
	return slices.CompactFunc(cs, func(a, b history.Call) bool { return a.Invoke == b.Invoke })
}

// exhibit draws calls, each with its part in the proof.
func exhibit(v *history.View, calls []history.Call, why string, note func(history.Call) string) Exhibit {
	x := Exhibit{Why: why}
	for _, c := range calls {
		x.Ops = append(x.Ops, ExhibitCall(v, c, note(c)))
	}
	return x
}
