package checker

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// queueFinding is one item that is wrong, with the calls that show it.
type queueFinding struct {
	*item
	calls []history.Call
}

// judge compares what came out with what was put in.
func (q *queueHistory) judge() ([]Anomaly, error) {
	var unexpected, aborted, repeated, early, expired []queueFinding
	var m missing
	for _, x := range q.order {
		slices.SortFunc(x.deliveries, func(a, b delivery) int { return cmp.Compare(a.at, b.at) })
		became := q.match(x)
		if became.unexpected != nil {
			unexpected = append(unexpected, queueFinding{x, []history.Call{became.unexpected.call}})
		}
		if became.aborted != nil {
			aborted = append(aborted, queueFinding{x, append(slices.Clone(x.enqueues), became.aborted.call)})
		}
		if became.again > 0 {
			q.t.repeated += became.again
			repeated = append(repeated, queueFinding{x, x.calls()})
		}
		q.t.recovered += became.recovered
		q.miss(&m, x, became.lost)
		if d := q.early(x); d != nil {
			early = append(early, queueFinding{x, []history.Call{x.enqueues[0], *d}})
		}
		if d := q.expired(x); d != nil {
			expired = append(expired, queueFinding{x, []history.Call{x.enqueues[0], *d}})
		}
	}
	var as []Anomaly
	say := func(name string, fs []queueFinding, format string, args ...any) {
		if len(fs) > 0 {
			as = append(as, q.anomaly(name, fs, fmt.Sprintf(format, args...)+": "+fewItems(fs)))
		}
	}
	lost, why := q.lost(m)
	if lost != nil {
		as = append(as, *lost)
	}
	say("unexpected-item", unexpected, "%s delivered before anybody had tried to enqueue them", count(len(unexpected), "item"))
	say("aborted-item", aborted, "%s delivered though the enqueue had failed for certain", count(len(aborted), "item"))
	if !q.repeats && q.without != queueDuplicatesNever || q.without == queueDuplicatesAlways {
		say("duplicate-item", repeated, "%s delivered more often than enqueued", count(len(repeated), "item"))
	}
	late, doubt := q.outOfOrder()
	if late != nil {
		as = append(as, *late)
	}
	say("early-item", early, "%s delivered before the delay of %s was over", count(len(early), "item"), q.delay)
	say("expired-item", expired, "%s delivered after its life of %s was over", count(len(expired), "item"), q.ttl)
	if doubt != "" {
		why = append(why, doubt)
	}
	if len(why) > 0 {
		return as, errors.New(strings.Join(why, "; "))
	}
	return as, nil
}

// missing are the acknowledged items that nothing delivered.
type missing struct {
	items     []queueFinding // that should have come, for every node was seen empty later
	count     int            // how many those are, each as often as it is missing
	undrained int            // the others
}

// miss notes that an item did not come n times.
func (q *queueHistory) miss(m *missing, x *item, n int) {
	if n == 0 {
		return
	}
	q.t.missing += n
	over := q.view.Ops[len(q.view.Ops)-1].Time
	may := func(c history.Call) bool { return c.Type == history.OK && over-q.view.Inv(c).Time >= q.ttl }
	switch {
	case !slices.ContainsFunc(x.enqueues, func(c history.Call) bool { return c.Type == history.OK && !q.covered(c) }):
		m.items, m.count = append(m.items, queueFinding{x, x.calls()}), m.count+n
	case q.ttl > 0 && slices.ContainsFunc(x.enqueues, may):
		q.t.expired += n
	default:
		m.undrained += n
	}
}

// lost judges what is missing: more than what the dequeues of unknown outcome may have taken is lost.
func (q *queueHistory) lost(m missing) (a *Anomaly, why []string) {
	if !q.total || q.loses && q.without != queueLostAlways {
		return nil, nil
	}
	may := q.mayTake()
	switch {
	case m.count > may:
		text := count(m.count, "item") + " acknowledged, and never delivered although every node was drained"
		if may > 0 {
			text += fmt.Sprintf(", and dequeues of unknown outcome can have taken no more than %d of them", may)
		}
		lost := q.anomaly("lost-item", m.items, text+": "+fewItems(m.items))
		a = &lost
	case m.count > 0:
		why = append(why, fmt.Sprintf("%s acknowledged and not delivered, which dequeues of unknown outcome may have taken: %s", count(m.count, "item"), fewItems(m.items)))
	}
	if m.undrained > 0 {
		why = append(why, count(m.undrained, "item")+" acknowledged and not delivered, and not every node was drained after that: nobody knows whether they are lost")
	}
	return a, why
}

// matched is what became of an item.
type matched struct {
	unexpected, aborted *delivery
	again, recovered    int
	lost                int // acknowledged enqueues without a delivery
}

// match gives each delivery an enqueue that was invoked before it. Which of several equal ones does not matter: the enqueues
// that a delivery may come from are also those of every later one, so that taking any leaves as many as can be.
func (q *queueHistory) match(x *item) (m matched) {
	var may, acked, next, tried int // enqueues that are not used up
	good, deliveredOK := 0, 0
	for i := range x.deliveries {
		d := &x.deliveries[i]
		for ; next < len(x.enqueues) && (x.enqueues[next].Invoke < d.at || q.without == queueCountsAtEnd); next++ {
			c := x.enqueues[next]
			tried++
			if c.Type == history.OK {
				acked++
			}
			if c.Type == history.OK || c.Type == history.Info && q.without != queueForgetsInfo || q.without == queueTrustsFail {
				may++
				good++
			}
		}
		switch {
		case tried == 0:
			if m.unexpected == nil {
				m.unexpected = d
			}
			continue
		case good == 0:
			if m.aborted == nil {
				m.aborted = d
			}
			continue
		case may == 0:
			m.again++
		default:
			may--
			m.recovered++
		}
		if acked > 0 {
			acked--
			deliveredOK++
		}
	}
	for _, c := range x.enqueues {
		if c.Type == history.OK {
			m.lost++
		}
	}
	m.lost = max(0, m.lost-deliveredOK-x.named)
	m.recovered = max(0, m.recovered-deliveredOK)
	return m
}

// covered reports whether each node was seen empty when the item that a call enqueued should have been there.
func (q *queueHistory) covered(c history.Call) bool {
	inv, ret := q.view.Inv(c), q.view.Ops[c.Return]
	shows := func(p proof) bool {
		from, to := q.view.Inv(p.call), q.view.Ops[max(p.call.Return, p.call.Info)]
		switch {
		case p.call.Invoke < c.Return && q.without != queueAnyProof:
			return false
		case q.ttl > 0 && to.Time-inv.Time >= q.ttl && q.without != queueExpiredIsLost:
			return false
		}
		return q.delay == 0 || from.Time-ret.Time > q.delay || q.without == queueDelayedIsLost
	}
	if q.without == queueOneNode {
		return slices.ContainsFunc(q.proofs, shows)
	}
	for _, n := range q.nodes {
		if !slices.ContainsFunc(q.proofs, func(p proof) bool { return p.node == n && shows(p) }) {
			return false
		}
	}
	return len(q.proofs) > 0
}

// mayTake is how many items the dequeues of unknown outcome may have taken.
func (q *queueHistory) mayTake() int {
	if q.acknowledged && q.without != queueAckedTakes || q.without == queueInfoTakesNothing {
		return 0
	}
	return max(0, q.unknownDeliveries(math.MaxInt)-q.named)
}

// unknownDeliveries is how many items the dequeues of unknown outcome that were called before a position may have
// delivered, one item each, a batch as many as were asked for, a drain any number.
func (q *queueHistory) unknownDeliveries(before int) int {
	n := 0
	for _, c := range q.takers {
		inv := q.view.Inv(c)
		if c.Invoke >= before {
			break
		}
		size, batch := inv.Value.Int()
		switch {
		case inv.F == "drain" && q.without != queueDrainTakesOne || q.without == queueInfoTakesAll:
			return math.MaxInt32
		case batch && q.without != queueBatchTakesOne:
			n += int(min(max(size, 0), math.MaxInt32))
		default:
			n++
		}
		if n >= math.MaxInt32 {
			return math.MaxInt32
		}
	}
	return n
}

// early gives a delivery that was over before the delay was.
func (q *queueHistory) early(x *item) *history.Call {
	if q.delay == 0 || len(x.enqueues) == 0 {
		return nil
	}
	for _, d := range x.deliveries {
		at := q.view.Ops[d.at]
		if q.without == queueEarlyByInvoke {
			at = q.view.Inv(d.call)
		}
		if x.enqueues[0].Invoke < d.at && at.Time-q.view.Inv(x.enqueues[0]).Time < q.delay {
			return &d.call
		}
	}
	return nil
}

// expired gives a delivery that began when the life of the item was over. Only what was enqueued once, and acknowledged, has
// an end of its life that is known.
func (q *queueHistory) expired(x *item) *history.Call {
	if q.ttl == 0 || len(x.enqueues) != 1 || x.enqueues[0].Type != history.OK {
		return nil
	}
	for _, d := range x.deliveries {
		from := q.view.Inv(d.call)
		if q.without == queueLateByReturn {
			from = q.view.Ops[d.at]
		}
		if from.Time-q.view.Ops[x.enqueues[0].Return].Time > q.ttl {
			return &d.call
		}
	}
	return nil
}

// calls lists the calls of an item.
func (x *item) calls() []history.Call {
	cs := slices.Clone(x.enqueues)
	for _, d := range x.deliveries {
		cs = append(cs, d.call)
	}
	return cs
}

// itemsData is the Data of a queue's anomaly.
type itemsData struct {
	Items []history.Value `json:"items"` // the first of them
	Count int             `json:"count"`
	Exhibit
}

func (d itemsData) weight() int64 { return int64(d.Count) }

// shownItems is how many items an anomaly draws.
const shownItems = 3

func (q *queueHistory) anomaly(name string, fs []queueFinding, text string) Anomaly {
	d := itemsData{Count: len(fs)}
	var calls []history.Call
	for i, f := range fs[:min(len(fs), listed)] {
		d.Items = append(d.Items, f.value)
		if i < shownItems {
			calls = append(calls, f.calls[:min(len(f.calls), 4)]...)
		}
	}
	if name == "lost-item" {
		calls = append(calls, q.lastProofs()...)
	}
	calls = distinct(calls)
	d.Exhibit = exhibit(q.view, calls, "what goes into a queue comes out of it, and nothing else does", func(c history.Call) string {
		return map[string]string{"drain": "drained until it was empty"}[q.view.Inv(c).F]
	})
	for i, x := range d.Ops {
		if list, ok := x.Value.List(); ok && x.F == "drain" {
			d.Ops[i].Value = history.Str(count(len(list), "item"))
		}
	}
	return Anomaly{Name: name, Ops: Events(q.view, calls...), Text: text, Data: d}
}

// lastProofs gives the last of each node.
func (q *queueHistory) lastProofs() (calls []history.Call) {
	for _, n := range q.nodes {
		for i := len(q.proofs) - 1; i >= 0; i-- {
			if q.proofs[i].node == n {
				calls = append(calls, q.proofs[i].call)
				break
			}
		}
	}
	return calls
}

func fewItems(fs []queueFinding) string {
	var texts []string
	for _, f := range fs[:min(len(fs), listed)] {
		texts = append(texts, f.text)
	}
	return few(texts)
}
