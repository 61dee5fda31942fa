package checker

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/partita-dev/partita/history"
)

// Counter is the checker of counters (add of a number that may be negative, read), each of which begins at 0. While a
// read is open the counter has a least and a greatest possible value: what is acknowledged counts, what is under way or
// unknown may count or not, what failed does not. A read must answer something in between. It is Jepsen's counter
// checker, with decrements: then the least value can fall while a read is open, so that the bounds are the extremes over
// the whole of it.
func Counter() Spec {
	return Spec{"counter", "each read of a counter (add, read) is between what was acknowledged and what may have been added", counterChecker{}}
}

// What a test may leave out of the rules.
const (
	counterForgetsInfo   mistake = "an unknown add does not count"
	counterTrustsFail    mistake = "a failed add may count"
	counterAtInvoke      mistake = "an add is certain when it is invoked"
	counterAtReturn      mistake = "an add is possible only from its return on"
	counterBoundsAtEnd   mistake = "the bounds are those at the return only"
	counterIgnoresMinus  mistake = "a negative add is treated as a positive one"
	counterWithoutLower  mistake = "there is no lower bound"
	counterWithoutUpper  mistake = "there is no upper bound"
	counterBeginsTooLate mistake = "the bounds in force when the read began are left out"
)

type counterChecker struct{ without mistake }

// counterCounts are the figures of all counters of a history.
type counterCounts struct{ attempted, acknowledged, unknown, reads, low, high int }

// badRead is a read outside of its bounds.
type badRead struct {
	Index int64 `json:"index"` // of its completion
	Read  int64 `json:"read"`
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	call  history.Call
}

// Check judges each key as a counter of its own.
func (k counterChecker) Check(ctx context.Context, in Input) Result {
	var t counterCounts
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) { return k.judge(in.History, key, &t) })
	out.needs(t.acknowledged > 0, "no add was acknowledged: there is nothing to miss")
	out.needs(t.reads > 0, "no read succeeded: what became of the counters is not known")
	out.Facts = map[string]any{
		"algorithm": "one pass", "adds": t.attempted, "adds ok": t.acknowledged, "adds unknown": t.unknown,
		"reads of counters": t.reads, "too low": t.low, "too high": t.high,
	}
	return out
}

// bound is a value that holds from a position of the history on.
type bound struct {
	at    int
	value int64
}

// extreme gives the least value (or with sign -1 the greatest) since any position, as a stack that only grows upwards.
type extreme struct {
	sign  int64
	stack []bound
}

func (e *extreme) push(at int, value int64) {
	value *= e.sign
	for n := len(e.stack); n > 0 && e.stack[n-1].value >= value; n-- {
		e.stack = e.stack[:n-1]
	}
	e.stack = append(e.stack, bound{at, value})
}

func (e *extreme) since(at int) int64 {
	i, _ := slices.BinarySearchFunc(e.stack, at, func(b bound, at int) int { return cmp.Compare(b.at, at) })
	return e.sign * e.stack[min(i, len(e.stack)-1)].value
}

// counterEvent changes the bounds, or is where a read begins or ends.
type counterEvent struct {
	at          int
	least, most int64 // what is added to the bounds
	read        int   // position in Calls of a read, -1 for none
	value       int64 // what it answers
}

func (k counterChecker) judge(v *history.View, key string, t *counterCounts) ([]Anomaly, error) {
	events, reason := k.events(v, key, t)
	var low, high extremes[badRead]
	least, most := int64(0), int64(0)
	leasts, mosts := extreme{sign: 1}, extreme{sign: -1}
	for _, e := range events {
		least, most = least+e.least, most+e.most
		leasts.push(e.at, least)
		mosts.push(e.at, most)
		if e.read < 0 || v.Calls[e.read].Return != e.at {
			continue
		}
		c := v.Calls[e.read]
		from := c.Invoke
		switch k.without {
		case counterBeginsTooLate:
			from++
		case counterBoundsAtEnd:
			from = c.Return
		}
		b := badRead{Index: v.Ops[c.Return].Index, Read: e.value, Least: leasts.since(from), Most: mosts.since(from), call: c}
		switch {
		case e.value < b.Least && k.without != counterWithoutLower:
			low.add(b, b.Least-e.value)
		case e.value > b.Most && k.without != counterWithoutUpper:
			high.add(b, e.value-b.Most)
		}
	}
	t.low += low.Count
	t.high += high.Count
	var as []Anomaly
	if low.Count > 0 {
		as = append(as, k.anomaly(v, "counter-too-low", &low,
			fmt.Sprintf("%s below what had been acknowledged: the worst (%s) answered %d, and at least %d was there", count(low.Count, "read"), Who(v.Inv(low.Worst.call)), low.Worst.Read, low.Worst.Least)))
	}
	if high.Count > 0 {
		as = append(as, k.anomaly(v, "counter-too-high", &high,
			fmt.Sprintf("%s above all that may have been added: the worst (%s) answered %d, and at most %d was there", count(high.Count, "read"), Who(v.Inv(high.Worst.call)), high.Worst.Read, high.Worst.Most)))
	}
	return as, reason
}

// events lists what happens to one counter, in the order of the history, and says what in it is no counter's. A read
// without a number is left out; when an add has none there are no bounds, and no events.
func (k counterChecker) events(v *history.View, key string, t *counterCounts) (es []counterEvent, reason error) {
	sum := uint64(0) // of all that could ever be added or taken away
	for _, i := range v.CallsOf(key) {
		c := v.Calls[i]
		inv := v.Inv(c)
		switch inv.F {
		case "add":
			d, ok := inv.Value.Int()
			if !ok {
				return nil, malformed(inv.Index, "add of %s: expected a whole number", Show(inv.Value))
			}
			if sum += magnitude(d); sum > math.MaxInt64/2 {
				return nil, fmt.Errorf("index %d: the adds are too large to be summed", inv.Index)
			}
			t.attempted++
			switch c.Type {
			case history.OK:
				t.acknowledged++
			case history.Info:
				t.unknown++
			}
			es = k.effect(es, c, d)
		case "read":
			if c.Type != history.OK {
				continue
			}
			ret := v.Ops[c.Return]
			n, ok := ret.Value.Int()
			if !ok {
				reason = malformed(ret.Index, "a read answered %s: expected a whole number", Show(ret.Value))
				continue
			}
			t.reads++
			es = append(es, counterEvent{at: c.Invoke, read: i}, counterEvent{at: c.Return, read: i, value: n})
		default:
			return nil, malformed(inv.Index, "operation %q: a counter has add and read", inv.F)
		}
	}
	slices.SortFunc(es, func(a, b counterEvent) int { return cmp.Compare(a.at, b.at) })
	return es, reason
}

// effect gives what an add does to the bounds: when it begins it may have happened, and when it returned it has.
func (k counterChecker) effect(es []counterEvent, c history.Call, d int64) []counterEvent {
	if c.Type == history.Fail && k.without != counterTrustsFail || c.Type == history.Info && k.without == counterForgetsInfo {
		return es
	}
	possible, certain := counterEvent{at: c.Invoke, read: -1}, counterEvent{at: c.Return, read: -1}
	if d >= 0 || k.without == counterIgnoresMinus {
		possible.most, certain.least = d, d
	} else {
		possible.least, certain.most = d, d
	}
	switch {
	case k.without == counterAtInvoke:
		certain.at = possible.at
	case k.without == counterAtReturn && c.Return >= 0:
		possible.at = c.Return
	}
	es = append(es, possible)
	if c.Type == history.OK {
		es = append(es, certain)
	}
	return es
}

func magnitude(d int64) uint64 {
	if d < 0 {
		return -uint64(d)
	}
	return uint64(d)
}

// counterData is the Data of a counter's anomaly.
type counterData struct {
	*extremes[badRead]
	Exhibit
}

func (counterChecker) anomaly(v *history.View, name string, e *extremes[badRead], text string) Anomaly {
	calls := e.notable(func(b badRead) history.Call { return b.call })
	bounds := map[int]badRead{e.First.call.Invoke: e.First, e.Worst.call.Invoke: e.Worst, e.Last.call.Invoke: e.Last}
	d := counterData{e, exhibit(v, calls, "a counter is never less than what was acknowledged, nor more than what anybody tried to add", func(c history.Call) string {
		b := bounds[c.Invoke]
		return fmt.Sprintf("possible was %d to %d", b.Least, b.Most)
	})}
	return Anomaly{Name: name, Ops: Events(v, calls...), Text: text, Data: d}
}
