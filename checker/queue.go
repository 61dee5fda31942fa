package checker

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/partita-dev/partita/history"
)

// Queue is the checker of what a queue delivers (enqueue v; dequeue, ok: v, or null for an empty queue; dequeue of n, ok:
// up to n in a list; drain, ok: all that came until it was empty): each delivered item was put in, and did not fail to be;
// none comes too often, out of order, too early or too late, as far as that was promised. It follows Jepsen's
// jepsen.checker/queue, which asks of every prefix of a history that each dequeue has its enqueue.
func Queue() Spec {
	return Spec{"queue", "each item that a queue delivers (enqueue, dequeue, drain) was put into it; --param delivery= and order= say what else was promised", queueChecker{}}
}

// TotalQueue is the checker of what a queue delivers and of what it keeps for ever: beyond the rules of Queue, each
// acknowledged item must come out in the end. It follows Jepsen's jepsen.checker/total-queue, and is stricter and more
// careful: an item is lost only when every node was drained after it was acknowledged, and when no dequeue of unknown
// outcome can have taken it. (Jepsen counts such an item as lost, and does not ask whether the drain came to its end.)
func TotalQueue() Spec {
	return Spec{"total-queue", "each item that was put into a queue and acknowledged comes out once every node was drained (enqueue, dequeue, drain), and nothing else; --param delivery= and order= say what else was promised", queueChecker{total: true}}
}

// What a test may leave out of the rules.
const (
	queueForgetsInfo       mistake = "an enqueue of unknown outcome did not happen"
	queueTrustsFail        mistake = "an enqueue that failed may have happened"
	queueInfoTakesNothing  mistake = "a dequeue of unknown outcome took nothing"
	queueInfoTakesAll      mistake = "a dequeue of unknown outcome may take everything"
	queueBatchTakesOne     mistake = "a batch of unknown outcome takes one item"
	queueDrainTakesOne     mistake = "a drain of unknown outcome takes one item"
	queueAckedTakes        mistake = "an unknown delivery takes an item though it was not acknowledged"
	queueAnyProof          mistake = "a drain that began before the acknowledgement proves that the item is gone"
	queueOneNode           mistake = "one node that was drained is enough"
	queueAnyDrain          mistake = "a drain before the final phase is proof"
	queueInfoDrainProves   mistake = "a drain of unknown outcome proves that the queue was empty"
	queueCountsAtEnd       mistake = "an item may be delivered before it was put in"
	queueOrderByInvoke     mistake = "the order of overlapping enqueues is that of their calls"
	queueOrderOverlapping  mistake = "overlapping dequeues have an order"
	queueOrderOfAnybody    mistake = "the order of one producer binds the others"
	queueOrderOfUnknown    mistake = "an enqueue of unknown outcome has its place where it was called"
	queueEarlyByInvoke     mistake = "an item is too early when the dequeue was called too early"
	queueLateByReturn      mistake = "an item is too late when the dequeue returned too late"
	queueExpiredIsLost     mistake = "an item that may have expired is lost"
	queueDelayedIsLost     mistake = "an item that was not yet due when the queue was drained is lost"
	queueDuplicatesAlways  mistake = "a second delivery is always wrong"
	queueDuplicatesNever   mistake = "a second delivery is never wrong"
	queueLostAlways        mistake = "at most once is at least once"
	queueEmptyIsADelivery  mistake = "an empty answer is an item"
	queueNamedIsAnyItem    mistake = "a dequeue of unknown outcome that names its item may have taken another"
	queueInfoDrainNamesNil mistake = "what a drain of unknown outcome names was not delivered"
)

type queueChecker struct {
	total   bool
	without mistake
}

// promise is what a queue has promised.
type promise struct {
	loses, repeats bool // items may be lost, may be delivered again
	order          string
	ttl, delay     time.Duration
	acknowledged   bool // a delivery takes an item only when it was acknowledged, which nobody does whose dequeue is unknown
}

// newPromise reads the parameters.
func newPromise(p history.Params) (q promise, err error) {
	switch d := p.String("delivery", "at-least-once"); d {
	case "at-most-once":
		q.loses = true
	case "at-least-once":
		q.repeats = true
	case "exactly-once":
	default:
		return q, fmt.Errorf("parameter delivery=%q: expected at-most-once, at-least-once or exactly-once", d)
	}
	switch q.order = p.String("order", "none"); q.order {
	case "none", "producer", "fifo":
	default:
		return q, fmt.Errorf("parameter order=%q: expected none, producer or fifo", q.order)
	}
	if q.acknowledged, err = p.Bool("acknowledged", false); err != nil {
		return q, err
	}
	if q.ttl, err = p.Duration("ttl", 0); err != nil {
		return q, err
	}
	q.delay, err = p.Duration("delay", 0)
	return q, err
}

// delivery is one item that came out, at the completion of a call.
type delivery struct {
	call history.Call
	at   int // position of the event that says so
}

// item is all that happened to one value, in the order of the history.
type item struct {
	value      history.Value
	text       string
	enqueues   []history.Call
	deliveries []delivery // by at
	named      int        // dequeues of unknown outcome that were given it: it is not lost, and may come again
}

// proof is a moment at which a queue was seen empty through a node.
type proof struct {
	call history.Call
	node string
}

// queueHistory is one queue.
type queueHistory struct {
	queueChecker
	promise
	view   *history.View
	items  map[string]*item
	order  []*item
	nodes  []string
	proofs []proof
	takers []history.Call // dequeues and drains of unknown outcome
	named  int            // of them those that name the one item that they may have taken
	t      *queueCounts
}

// queueCounts are the figures of all queues of a history.
type queueCounts struct {
	attempted, acknowledged, delivered, empty, unknown, recovered, repeated, proofs int
	missing, expired                                                                int
}

// Check judges each key as a queue of its own.
func (k queueChecker) Check(ctx context.Context, in Input) Result {
	p, err := newPromise(in.Params)
	if err != nil {
		return Result{Reason: err.Error()}
	}
	var t queueCounts
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) {
		q, err := k.split(in.History, key, in.Plan, p, &t)
		if err != nil {
			return nil, err
		}
		return q.judge()
	})
	out.needs(t.acknowledged > 0, "no enqueue was acknowledged: there is nothing to lose and nothing to deliver")
	if k.total && !p.loses {
		out.needs(t.proofs > 0, "no drain succeeded: what became of the items is not known")
	} else {
		out.needs(t.delivered > 0, "nothing was delivered: there is nothing to judge")
	}
	out.Facts = map[string]any{
		"algorithm": "one pass", "enqueues": t.attempted, "enqueues ok": t.acknowledged, "delivered": t.delivered, "empty answers": t.empty,
		"dequeues unknown": t.unknown, "recovered": t.recovered, "delivered again": t.repeated,
	}
	if k.total {
		out.Facts["missing"], out.Facts["may have expired"], out.Facts["drained"] = t.missing, t.expired, t.proofs
	}
	return out
}

// split takes one queue apart.
func (k queueChecker) split(v *history.View, key string, plan *history.Plan, p promise, t *queueCounts) (*queueHistory, error) {
	q := &queueHistory{queueChecker: k, promise: p, view: v, items: map[string]*item{}, t: t}
	final := int64(0)
	nodes := map[string]bool{}
	node := func(n string) {
		if !nodes[n] {
			nodes[n], q.nodes = true, append(q.nodes, n)
		}
	}
	if plan != nil {
		final = plan.Final.Index
		if !plan.Final.Happened() {
			final = math.MaxInt64
		}
		if k.without == queueAnyDrain {
			final = 0
		}
		for _, n := range plan.Nodes {
			node(n)
		}
	}
	for _, i := range v.CallsOf(key) {
		c := v.Calls[i]
		inv := v.Inv(c)
		if plan == nil || len(plan.Nodes) == 0 {
			node(inv.Node)
		}
		switch inv.F {
		case "enqueue":
			if inv.Value.IsNil() {
				return nil, malformed(inv.Index, "enqueue of nothing: expected an item, for null is the answer of an empty queue")
			}
			x := q.item(inv.Value)
			x.enqueues = append(x.enqueues, c)
			t.attempted++
			if c.Type == history.OK {
				t.acknowledged++
			}
		case "dequeue", "drain":
			empty, err := q.took(c)
			if err != nil {
				return nil, err
			}
			if empty && inv.Index >= final {
				q.proofs = append(q.proofs, proof{c, inv.Node})
			}
		default:
			return nil, malformed(inv.Index, "operation %q: a queue has enqueue, dequeue and drain", inv.F)
		}
	}
	t.proofs += len(q.proofs)
	return q, nil
}

// item gives what is known of a value.
func (q *queueHistory) item(v history.Value) *item {
	text := Canonical(v)
	x := q.items[text]
	if x == nil {
		x = &item{value: v, text: text}
		q.items[text] = x
		q.order = append(q.order, x)
	}
	return x
}

// took notes what a dequeue or a drain delivered, and says whether it shows that the queue was empty.
func (q *queueHistory) took(c history.Call) (empty bool, err error) {
	inv := q.view.Inv(c)
	ret, ended := q.view.Ret(c)
	drain := inv.F == "drain"
	_, batch := inv.Value.Int()
	deliver := func(at int, vs ...history.Value) {
		for _, v := range vs {
			x := q.item(v)
			x.deliveries = append(x.deliveries, delivery{c, at})
			q.t.delivered++
		}
	}
	switch {
	case c.Type == history.Info:
		q.t.unknown++
		q.takers = append(q.takers, c)
		if list, ok := ret.Value.List(); ok && ended && drain && q.without != queueInfoDrainNamesNil {
			deliver(c.Info, list...) // it came so far
		}
		if ended && !drain && !batch && !ret.Value.IsNil() && !q.acknowledged && q.without != queueNamedIsAnyItem {
			q.item(ret.Value).named++ // it came, and whether the queue knows that it did is not known
			q.named++
		}
		return drain && ended && q.without == queueInfoDrainProves, nil
	case c.Type != history.OK:
		return false, nil
	case drain || batch:
		list, ok := ret.Value.List()
		if !ok && !ret.Value.IsNil() {
			return false, malformed(ret.Index, "a %s answered %s: expected a list of items", inv.F, Show(ret.Value))
		}
		deliver(c.Return, list...)
		if len(list) > 0 {
			return drain, nil
		}
	case !ret.Value.IsNil() || q.without == queueEmptyIsADelivery:
		deliver(c.Return, ret.Value)
		return false, nil
	}
	q.t.empty++
	// What was delivered and not acknowledged may come again, and what is delayed may come yet: one empty answer shows nothing then.
	return drain || !q.acknowledged && q.delay == 0, nil
}
