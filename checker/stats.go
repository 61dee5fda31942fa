package checker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/partita-dev/partita/history"
)

// Stats counts outcomes and latencies by kind of operation and by node. A kind that never succeeded makes it
// Unknown: whatever else was found, that kind was not tested.
func Stats() Spec {
	return Spec{"stats", "counts and latencies by operation and node; an operation that never succeeded makes the run unknown", Func(checkStats)}
}

// Tally is the outcomes of a group of operations; latencies are those of its ok ones, in milliseconds.
type Tally struct {
	OK   int64   `json:"ok"`
	Fail int64   `json:"fail"`
	Info int64   `json:"info"`
	P50  float64 `json:"p50-ms"`
	P95  float64 `json:"p95-ms"`
	P99  float64 `json:"p99-ms"`
	Max  float64 `json:"max-ms"`

	hist *hdrhistogram.Histogram
}

func newTally() *Tally {
	return &Tally{hist: hdrhistogram.New(1, time.Hour.Microseconds(), 3)}
}

func (t *Tally) add(typ history.Type, took time.Duration) {
	switch typ {
	case history.OK:
		t.OK++
		_ = t.hist.RecordValue(min(max(took.Microseconds(), 1), time.Hour.Microseconds())) // inside its bounds
	case history.Fail:
		t.Fail++
	default:
		t.Info++
	}
}

func (t *Tally) done() {
	ms := func(us int64) float64 { return float64(us) / 1000 }
	t.P50, t.P95 = ms(t.hist.ValueAtQuantile(50)), ms(t.hist.ValueAtQuantile(95))
	t.P99, t.Max = ms(t.hist.ValueAtQuantile(99)), ms(t.hist.Max())
}

func checkStats(_ context.Context, in Input) Result {
	v := in.History
	all, byF, byNode := newTally(), map[string]*Tally{}, map[string]*Tally{}
	get := func(m map[string]*Tally, name string) *Tally {
		if m[name] == nil {
			m[name] = newTally()
		}
		return m[name]
	}
	for _, c := range v.Calls {
		inv := v.Inv(c)
		var took time.Duration
		if c.Return >= 0 {
			ret := v.Ops[c.Return]
			if took = ret.Took; took == 0 {
				took = Since(inv, ret)
			}
		}
		all.add(c.Type, took)
		get(byF, inv.F).add(c.Type, took)
		if inv.Node != "" {
			get(byNode, inv.Node).add(c.Type, took)
		}
	}
	if len(v.Calls) == 0 {
		return Result{Reason: "the history has no operation of a client"}
	}
	all.done()
	var never []string
	for _, f := range slices.Sorted(maps.Keys(byF)) {
		byF[f].done()
		if byF[f].OK == 0 {
			never = append(never, f)
		}
	}
	for _, t := range byNode {
		t.done()
	}
	r := Result{Verdict: Valid, Facts: map[string]any{
		"ok": all.OK, "fail": all.Fail, "info": all.Info, "latency": all, "by operation": byF, "by node": byNode,
	}}
	if len(never) > 0 {
		r.Verdict = Unknown
		r.Reason = fmt.Sprintf("no %s ever succeeded: what it would have shown is not known", strings.Join(never, ", no "))
	}
	return r
}
