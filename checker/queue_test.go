package checker

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

func TestQueueStories(t *testing.T) {
	const in = `
		n1 invoke enqueue 1
		n1 ok     enqueue 1
		n2 invoke enqueue 2
		n2 ok     enqueue 2
		n1 invoke enqueue 3
		n1 info   enqueue 3
		n2 invoke enqueue 4
		n2 fail   enqueue 4
		`
	take := func(node, v string) string {
		return node + " invoke dequeue\n" + node + " ok dequeue " + v + "\n"
	}
	drain := func(node, list string) string {
		return node + " invoke drain\n" + node + " ok drain " + list + "\n"
	}
	stories := []told{
		{name: "some of it came out", text: in + take("n1", "1"), want: Valid},
		{name: "an unknown enqueue may have happened", text: in + take("n1", "3"), want: Valid},
		{name: "nobody put it in", text: in + take("n1", "9"), want: Invalid, anomalies: "unexpected-item", says: "anybody had tried to enqueue them: 9"},
		{name: "nobody had put it in yet", text: take("n1", "1") + in, want: Invalid, anomalies: "unexpected-item"},
		{name: "it failed to be put in", text: in + take("n1", "4"), want: Invalid, anomalies: "aborted-item"},
		{name: "again, which is no promise", text: in + take("n1", "1") + take("n2", "1"), want: Valid},
		{name: "again, against the promise", text: in + take("n1", "1") + take("n2", "1"), params: history.Params{"delivery": "exactly-once"}, want: Invalid, anomalies: "duplicate-item"},
		{name: "again, at most once", text: in + take("n1", "1") + take("n2", "1"), params: history.Params{"delivery": "at-most-once"}, want: Invalid, anomalies: "duplicate-item"},
		{name: "put in twice it may come twice", text: in + in + take("n1", "1") + take("n2", "1"), params: history.Params{"delivery": "exactly-once"}, want: Valid},
		{name: "reordered, which is no promise", text: in + take("n1", "2") + take("n2", "1"), want: Valid},
		{name: "reordered", text: in + take("n1", "2") + take("n2", "1"), params: history.Params{"order": "fifo"}, want: Invalid, anomalies: "out-of-order", says: "1 by 2"},
		{name: "reordered, but of two producers", text: in + take("n1", "2") + take("n2", "1"), params: history.Params{"order": "producer"}, want: Valid},
		{name: "reordered, of one producer", text: in + take("n1", "3") + take("n2", "1"), params: history.Params{"order": "producer"}, want: Invalid, anomalies: "out-of-order"},
		{name: "reordered in one drain", text: in + drain("n2", "[2,1]"), params: history.Params{"order": "fifo"}, want: Invalid, anomalies: "out-of-order"},
		{name: "ordered in one drain", text: in + drain("n2", "[1,2,3]"), params: history.Params{"order": "fifo"}, want: Valid},
		{name: "dequeues that overlap", text: in + "n1 invoke dequeue\n" + take("n2", "2") + "n1 ok dequeue 1\n", params: history.Params{"order": "fifo"}, want: Valid},
		{name: "perhaps delivered before", text: in + "n2 invoke dequeue\nn2 info dequeue\n" + take("n1", "2") + take("n2", "1"), params: history.Params{"order": "fifo", "acknowledged": "true"}, want: Unknown, says: "unacknowledged"},
		{name: "too early", text: in + take("n1", "1"), params: history.Params{"delay": "10ms"}, want: Invalid, anomalies: "early-item", says: "delay of 10ms"},
		{name: "not too early", text: in + take("n1", "1"), params: history.Params{"delay": "9ms"}, want: Valid},
		{name: "too late", text: in + take("n1", "1"), params: history.Params{"ttl": "6ms"}, want: Invalid, anomalies: "expired-item"},
		{name: "not too late", text: in + take("n1", "1"), params: history.Params{"ttl": "7ms"}, want: Valid},
		{name: "nothing came out", text: in + take("n1", "null"), want: Unknown, says: "nothing was delivered"},
		{name: "nothing was put in", text: take("n1", "null"), want: Unknown, says: "no enqueue"},
		{name: "an enqueue of nothing", text: "n1 invoke enqueue\n", want: Unknown, says: "index 0: enqueue of nothing"},
		{name: "a drain that is no list", text: in + drain("n1", "7"), want: Unknown, says: "expected a list"},
		{name: "no queue", text: "n1 invoke pop\n", want: Unknown, says: "a queue has enqueue, dequeue and drain"},
		{name: "no promise", text: in, params: history.Params{"delivery": "never"}, want: Unknown, says: "at-least-once"},
		{name: "no order", text: in, params: history.Params{"order": "alphabetic"}, want: Unknown, says: "producer"},
		{name: "no time", text: in, params: history.Params{"ttl": "long"}, want: Unknown, says: "duration"},
	}
	tell(t, Queue().Checker, stories)

	const end = "final\n"
	lone := "n1 invoke dequeue\nn1 info dequeue\n"
	batch := "n1 invoke dequeue 5\nn1 info dequeue\n"
	tell(t, TotalQueue().Checker, []told{
		{name: "all came out", text: in + end + drain("n1", "[1]") + drain("n2", "[2]"), want: Valid},
		{name: "all came out before", text: in + take("n1", "1") + take("n2", "2") + end + drain("n1", "[]") + drain("n2", "[]"), want: Valid},
		{name: "lost", text: in + end + drain("n1", "[1]") + drain("n2", "[]"), want: Invalid, anomalies: "lost-item", says: "1 item acknowledged, and never delivered although every node was drained: 2"},
		{name: "one node was not drained", text: in + end + drain("n1", "[1]"), want: Unknown, says: "not every node was drained"},
		{name: "no node was", text: in + take("n1", "1") + end, want: Unknown, says: "drain"},
		{name: "a drain of which nobody knows the end is no proof", text: in + end + drain("n1", "[1]") + "n2 invoke drain\nn2 info drain\n", want: Unknown, says: "drained"},
		{name: "a drain before the final phase is none", text: in + drain("n1", "[1]") + drain("n2", "[]") + end, want: Unknown, says: "drain"},
		{name: "a drain that began before the acknowledgement is none", text: end + "n1 invoke enqueue 1\n" + drain("n2", "[]") + "n1 ok enqueue 1\n" + drain("n1", "[]"), want: Unknown, says: "drained"},
		{name: "empty answers are as good as drains", text: in + end + take("n1", "1") + take("n1", "null") + take("n2", "null"), want: Invalid, anomalies: "lost-item"},
		{name: "not where what was delivered may come again", text: in + end + take("n1", "1") + take("n1", "null") + take("n2", "null"), params: history.Params{"acknowledged": "true"}, want: Unknown, says: "not every node was drained"},
		{name: "an unknown dequeue may have taken it", text: in + lone + end + drain("n1", "[1]") + drain("n2", "[]"), want: Unknown, says: "may have taken: 2"},
		{name: "but not two", text: in + lone + end + drain("n1", "[]") + drain("n2", "[]"), want: Invalid, anomalies: "lost-item", says: "no more than 1"},
		{name: "an unknown batch may", text: in + batch + end + drain("n1", "[]") + drain("n2", "[]"), want: Unknown, says: "may have taken: 1, 2"},
		{name: "an unknown drain may take everything", text: in + "n1 invoke drain\nn1 info drain\n" + end + drain("n1", "[]") + drain("n2", "[]"), want: Unknown, says: "may have taken"},
		{name: "what an unknown drain names came out", text: in + "n1 invoke drain\nn1 info drain [1,2]\n" + end + drain("n1", "[]") + drain("n2", "[]"), want: Valid},
		{name: "an unknown dequeue that names its item took no other", text: in + "n1 invoke dequeue\nn1 info dequeue 1\n" + end + drain("n1", "[]") + drain("n2", "[]"), want: Invalid, anomalies: "lost-item", says: "1 item acknowledged, and never delivered although every node was drained: 2"},
		{name: "what an unknown dequeue names is not lost", text: in + "n1 invoke dequeue\nn1 info dequeue 1\n" + end + drain("n1", "[2]") + drain("n2", "[]"), want: Valid},
		{name: "and may come again", text: in + "n1 invoke dequeue\nn1 info dequeue 1\n" + end + drain("n1", "[2]") + drain("n2", "[1]"), params: history.Params{"delivery": "exactly-once"}, want: Valid},
		{name: "an unacknowledged delivery takes nothing", text: in + lone + end + drain("n1", "[1]") + drain("n2", "[]"), params: history.Params{"acknowledged": "true"}, want: Invalid, anomalies: "lost-item"},
		{name: "at most once may lose", text: in + end + drain("n1", "[1]") + drain("n2", "[]"), params: history.Params{"delivery": "at-most-once"}, want: Valid},
		{name: "it may have expired", text: in + end + drain("n1", "[1]") + drain("n2", "[]"), params: history.Params{"ttl": "7ms"}, want: Valid},
		{name: "it cannot have expired", text: in + end + drain("n1", "[1]") + drain("n2", "[]"), params: history.Params{"ttl": "1s"}, want: Invalid, anomalies: "lost-item"},
		{name: "it may not be due", text: in + end + drain("n1", "[]") + drain("n2", "[]"), params: history.Params{"delay": "1s"}, want: Unknown, says: "drained"},
		{name: "half of what was put in twice", text: in + in + end + drain("n1", "[1,2]") + drain("n2", "[1]"), want: Invalid, anomalies: "lost-item"},
		{name: "everything is wrong", text: in + end + drain("n1", "[4,9]") + drain("n2", "[2,2]"), params: history.Params{"delivery": "exactly-once"}, want: Invalid, anomalies: "lost-item unexpected-item aborted-item duplicate-item"},
	})
}

// flow is one item on its way out.
type flow struct {
	text string
	at   int
	call history.Call
	list int
}

// matchings is the size of the largest set of pairs of an enqueue and a later delivery, by trying all of them.
func matchings(enqueues []history.Call, deliveries []flow) int {
	if len(deliveries) == 0 {
		return 0
	}
	best := matchings(enqueues, deliveries[1:])
	for i, c := range enqueues {
		if c.Invoke < deliveries[0].at {
			best = max(best, 1+matchings(slices.Delete(slices.Clone(enqueues), i, i+1), deliveries[1:]))
		}
	}
	return best
}

// queueTruth is the definition of both queue checkers, for a plan of nodes n1 and n2.
func queueTruth(in Input, total bool) truth {
	v := in.History
	p, _ := newPromise(in.Params)
	final := int64(0)
	if in.Plan != nil {
		final = in.Plan.Final.Index
	}
	enqueues := map[string][]history.Call{}
	var out []flow
	var proofs []history.Call
	capacity := func(c history.Call) int {
		if n, ok := v.Inv(c).Value.Int(); ok {
			return int(n)
		} else if v.Inv(c).F == "drain" {
			return 1000
		}
		return 1
	}
	acked, takes, named := 0, 0, map[string]int{}
	var unknown []history.Call
	for _, c := range v.Calls {
		inv := v.Inv(c)
		if inv.F == "enqueue" {
			enqueues[string(inv.Value)] = append(enqueues[string(inv.Value)], c)
			if c.Type == history.OK {
				acked++
			}
			continue
		}
		ret, _ := v.Ret(c)
		list, isList := ret.Value.List()
		if !isList && !ret.Value.IsNil() && c.Type == history.OK {
			list = []history.Value{ret.Value}
		}
		if c.Type == history.OK || c.Type == history.Info && inv.F == "drain" {
			for i, x := range list {
				out = append(out, flow{string(x), max(c.Return, c.Info), c, i})
			}
		}
		if c.Type == history.Info {
			unknown = append(unknown, c)
			if _, batch := inv.Value.Int(); inv.F == "dequeue" && !batch && !ret.Value.IsNil() && !p.acknowledged {
				named[string(ret.Value)]++
			} else {
				takes += capacity(c)
			}
		}
		empty := inv.F == "drain" || len(list) == 0 && !p.acknowledged && p.delay == 0
		if c.Type == history.OK && empty && inv.Index >= final {
			proofs = append(proofs, c)
		}
	}
	bad := map[string]bool{}
	missing, undrained := 0, 0
	over := v.Ops[len(v.Ops)-1].Time
	for _, f := range out {
		tried, can := false, false
		for _, c := range enqueues[f.text] {
			tried = tried || c.Invoke < f.at
			can = can || c.Invoke < f.at && c.Type != history.Fail
			bad["early-item"] = bad["early-item"] || p.delay > 0 && c == enqueues[f.text][0] && c.Invoke < f.at && v.Ops[f.at].Time-v.Inv(c).Time < p.delay
			bad["expired-item"] = bad["expired-item"] || p.ttl > 0 && len(enqueues[f.text]) == 1 && c.Type == history.OK && v.Inv(f.call).Time-v.Ops[c.Return].Time > p.ttl
		}
		bad["unexpected-item"] = bad["unexpected-item"] || !tried
		bad["aborted-item"] = bad["aborted-item"] || tried && !can
	}
	for text, cs := range enqueues {
		var may, sure []history.Call
		for _, c := range cs {
			if c.Type != history.Fail {
				may = append(may, c)
			}
			if c.Type == history.OK {
				sure = append(sure, c)
			}
		}
		var good []flow
		for _, f := range out {
			if f.text == text && slices.ContainsFunc(may, func(c history.Call) bool { return c.Invoke < f.at }) {
				good = append(good, f)
			}
		}
		bad["duplicate-item"] = bad["duplicate-item"] || p.repeatsNever() && matchings(may, good) < len(good)
		n := len(sure) - matchings(sure, good) - named[text]
		if n <= 0 {
			continue
		}
		drained, gone := true, false
		for _, c := range sure {
			gone = gone || p.ttl > 0 && over-v.Inv(c).Time >= p.ttl
			for _, node := range []string{"n1", "n2"} {
				drained = drained && slices.ContainsFunc(proofs, func(d history.Call) bool {
					return v.Inv(d).Node == node && d.Invoke > c.Return && (p.ttl == 0 || v.Ops[d.Return].Time-v.Inv(c).Time < p.ttl) &&
						(p.delay == 0 || v.Inv(d).Time-v.Ops[c.Return].Time > p.delay)
				})
			}
		}
		switch {
		case drained:
			missing += n
		case !gone:
			undrained += n
		}
	}
	if p.acknowledged {
		takes = 0
	}
	doubt := undrained > 0 || missing > 0
	if !total || p.loses {
		doubt = false
	} else if missing > takes {
		bad["lost-item"] = true
	}
	// Each pair that overlaps neither on its way in nor on its way out has an order.
	first := map[string]flow{}
	for _, f := range out {
		if g, ok := first[f.text]; !ok || f.at < g.at || f.at == g.at && f.list < g.list {
			first[f.text] = f
		}
	}
	late, last := map[string]int{}, 0
	for a, x := range first {
		for b, y := range first {
			ea, eb := enqueues[a], enqueues[b]
			if p.order == "none" || len(ea) != 1 || len(eb) != 1 || ea[0].Type != history.OK || eb[0].Type == history.Fail || x.at < ea[0].Invoke || y.at < eb[0].Invoke ||
				p.order == "producer" && ea[0].Worker != eb[0].Worker || ea[0].Return > eb[0].Invoke {
				continue
			}
			if y.at < x.call.Invoke || y.at == x.at && y.list < x.list {
				if at, ok := late[a]; !ok || y.at < at {
					late[a] = y.at
				}
			}
		}
	}
	for _, at := range late {
		last = max(last, at)
	}
	explained := 0
	for _, c := range unknown {
		if p.acknowledged && c.Invoke < last {
			explained += capacity(c)
		}
	}
	if len(late) > explained {
		bad["out-of-order"] = true
	} else if len(late) > 0 {
		doubt = true
	}
	none := acked == 0 || len(out) == 0
	if total && !p.loses {
		none = acked == 0 || len(proofs) == 0
	}
	for name, is := range bad {
		if !is {
			delete(bad, name)
		}
	}
	return found(bad, doubt || none)
}

func (q promise) repeatsNever() bool { return !q.repeats }

// drawQueue draws a queue that is nearly one, in virtual time, drained in the end.
func drawQueue(r *rand.Rand) Input {
	var items []history.Value
	next, wrong, unique := int64(0), r.IntN(3) == 0, r.IntN(2) == 0
	take := func() (history.Value, bool) {
		if wrong && r.IntN(12) == 0 {
			return history.Int(r.Int64N(5)), true
		}
		if len(items) == 0 {
			return "", false
		}
		i := 0
		if wrong && r.IntN(4) == 0 {
			i = r.IntN(len(items))
		}
		x := items[i]
		if !wrong || r.IntN(5) > 0 {
			items = slices.Delete(items, i, i+1)
		}
		return x, true
	}
	events, final := 4+r.IntN(20), 0
	v := randomHistory(r, events, world{
		invoke: func() history.Op {
			switch n := r.IntN(12); {
			case n < 6:
				if next++; unique || r.IntN(3) > 0 {
					return history.Op{F: "enqueue", Value: history.Int(next)}
				}
				return history.Op{F: "enqueue", Value: history.Int(1 + r.Int64N(2))}
			case n < 8:
				return history.Op{F: "dequeue"}
			case n < 9:
				return history.Op{F: "dequeue", Value: history.Int(2)}
			}
			return history.Op{F: "drain"}
		},
		complete: func(o history.Op) history.Op {
			if o.Type == history.Fail && (!wrong || r.IntN(3) > 0) || o.Type == history.Info && r.IntN(2) == 0 {
				return o
			}
			if o.F == "enqueue" {
				if !wrong || r.IntN(4) > 0 {
					items = append(items, o.Value)
				}
				return o
			}
			most, batch := o.Value.Int()
			if o.F == "drain" {
				most, batch = 3, true
			}
			got := []history.Value{}
			for range max(most, 1) {
				if x, ok := take(); ok {
					got = append(got, x)
				}
			}
			switch {
			case o.Type == history.Info && (o.F == "dequeue" && batch || r.IntN(2) == 0), o.Type == history.Fail:
			case batch:
				o.Value = history.List(got...)
			case len(got) > 0:
				o.Value = got[0]
			}
			return o
		},
	})
	if r.IntN(3) > 0 {
		final = r.IntN(len(v.Ops) + 1)
	}
	if r.IntN(2) == 0 { // everything comes out, or should
		last := v.Ops[len(v.Ops)-1]
		ops := slices.Clone(v.Ops)
		for i, node := range []string{"n1", "n2"} {
			o := history.Op{Index: last.Index + 1 + int64(2*i), Time: last.Time + 5*time.Millisecond, Process: int32(1000 + i), Node: node, F: "drain", Type: history.Invoke}
			ops = append(ops, o)
			o.Index, o.Type, o.Value = o.Index+1, history.OK, history.List()
			if i == 0 && len(items) > 0 {
				o.Value = history.List(items[r.IntN(2)*r.IntN(2):]...)
			}
			ops = append(ops, o)
		}
		v, _ = history.NewView(ops)
	}
	p := history.Params{
		"delivery": pick(r, "at-most-once", "at-least-once", "at-least-once", "exactly-once"), "order": pick(r, "none", "none", "producer", "fifo"),
		"acknowledged": pick(r, "false", "false", "true"), "ttl": pick(r, "0s", "0s", "0s", "6ms"), "delay": pick(r, "0s", "0s", "0s", "2ms"),
	}
	return Input{History: v, Params: p, Plan: &history.Plan{Nodes: []string{"n1", "n2"}, Final: history.Point{Index: int64(final), Time: time.Duration(final)}}}
}

func TestQueueOracle(t *testing.T) {
	every := []mistake{
		queueForgetsInfo, queueTrustsFail, queueCountsAtEnd, queueOrderByInvoke, queueOrderOverlapping, queueOrderOfAnybody, queueOrderOfUnknown,
		queueEarlyByInvoke, queueLateByReturn, queueDuplicatesAlways, queueDuplicatesNever, queueEmptyIsADelivery, queueInfoDrainNamesNil, queueAckedTakes,
	}
	total := []mistake{
		queueNamedIsAnyItem, queueInfoTakesNothing, queueInfoTakesAll, queueBatchTakesOne, queueDrainTakesOne, queueAckedTakes, queueAnyProof, queueOneNode, queueAnyDrain,
		queueInfoDrainProves, queueExpiredIsLost, queueDelayedIsLost, queueLostAlways,
	}
	t.Run("queue", func(t *testing.T) {
		oracle(t, func(m mistake) Checker { return queueChecker{without: m} }, every, drawQueue, func(in Input) truth { return queueTruth(in, false) })
	})
	t.Run("total-queue", func(t *testing.T) {
		oracle(t, func(m mistake) Checker { return queueChecker{total: true, without: m} }, slices.Concat(every, total), drawQueue, func(in Input) truth { return queueTruth(in, true) })
	})
}
