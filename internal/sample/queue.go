package sample

import (
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// queue is messages that wait, the oldest first, and those that were delivered and are not yet acknowledged. A delivery
// that nobody acknowledges comes back when its time is over, so that a message may be delivered more than once, but only
// one delivery of it is ever acknowledged.
type queue struct {
	Waiting []message
	Out     []delivery `json:",omitempty"`
	Last    int64      // the number of the newest message
	Clock   time.Duration
	Given   int64 // deliveries so far
}

type message struct {
	N     int64
	Value history.Value
}

type delivery struct {
	Token   int64
	Message message
	Until   time.Duration // of the queue's clock: then it comes back
}

// The two requests that a dequeue is.
const (
	deliver     = "deliver"
	acknowledge = "acknowledge"
)

func queueSpecs() []spec {
	return []spec{
		{object: "queue", name: "enqueue", blind: true, effect: enqueue, check: something},
		{object: "queue", name: "dequeue", client: dequeue},
		{object: "queue", name: deliver, inner: true, effect: func(st *state, c command) result {
			q := st.queue(c.Key)
			q.comeBack(c.At)
			return q.deliver(st.sizes.visibility)
		}},
		{object: "queue", name: acknowledge, inner: true, effect: func(st *state, c command) result {
			q := st.queue(c.Key)
			q.comeBack(c.At)
			token, _ := c.Value.Int()
			at := slices.IndexFunc(q.Out, func(d delivery) bool { return d.Token == token })
			if at < 0 {
				return refused("expired", "the delivery was not acknowledged in time: the message went back")
			}
			q.Out = slices.Delete(q.Out, at, at+1)
			return result{}
		}},
	}
}

// something refuses an operation without a value.
func something(op history.Op) error {
	if op.Value.IsNil() {
		return fmt.Errorf("%s of nothing: expected a value", op.F)
	}
	return nil
}

func (s *state) queue(key string) *queue {
	if s.Queues == nil {
		s.Queues = map[string]*queue{}
	}
	if s.Queues[key] == nil {
		s.Queues[key] = &queue{}
	}
	return s.Queues[key]
}

func enqueue(st *state, c command) result {
	q := st.queue(c.Key)
	q.Last++
	q.Waiting = append(q.Waiting, message{q.Last, c.Value})
	return result{value: c.Value}
}

// comeBack puts the deliveries whose time is over back to their places in the queue. Time is that of the commands in the
// log, so that all replicas agree on it.
func (q *queue) comeBack(now time.Duration) {
	q.Clock = max(q.Clock, now)
	late := func(d delivery) bool { return d.Until <= q.Clock }
	for _, d := range q.Out {
		if late(d) {
			at, _ := slices.BinarySearchFunc(q.Waiting, d.Message, func(a, b message) int { return int(a.N - b.N) })
			q.Waiting = slices.Insert(q.Waiting, at, d.Message)
		}
	}
	q.Out = slices.DeleteFunc(q.Out, late)
}

// deliver hands the oldest message out. Nothing, as an answer, is proof that the queue is empty.
func (q *queue) deliver(visibility time.Duration) result {
	switch {
	case len(q.Waiting) > 0:
	case len(q.Out) > 0:
		return refused("in-flight", "what is left was delivered to others who have not yet acknowledged it")
	default:
		return result{}
	}
	q.Given++
	d := delivery{q.Given, q.Waiting[0], q.Clock + visibility}
	q.Waiting, q.Out = q.Waiting[1:], append(q.Out, d)
	return result{value: d.Message.Value, ext: history.Int(d.Token)}
}

// dequeue asks for a delivery and acknowledges it. Until the acknowledgement is sent nothing is taken: what was delivered
// comes back. One delivery of so many is given up on purpose, as by a consumer that crashed.
func dequeue(s *Store, r *replica, q *Request) {
	q.harmless = true
	s.step(r, q, deliver, "", func(got result) {
		token, delivered := got.ext.Int()
		switch {
		case got.err != nil:
			q.finish(result{err: notSent(got.err)})
		case !delivered:
			q.finish(result{})
		case s.sizes.abandon > 0 && token%s.sizes.abandon == 0:
			q.finish(refused("abandoned", "the client gives this delivery up, for the queue to deliver the message again"))
		default:
			q.harmless, q.seen = false, got.value
			s.step(r, q, acknowledge, got.ext, func(ack result) {
				ack.value, ack.ext = got.value, got.ext
				q.finish(ack)
			})
		}
	})
}

// ofQueues reads what concerns queues.
func (z *sizes) ofQueues(p history.Params) (err error) {
	if z.visibility, err = p.Duration("visibility", time.Second); err != nil {
		return err
	}
	abandon, err := p.Int("abandon", 20)
	if err != nil {
		return err
	}
	if z.visibility <= 0 || abandon < 0 || abandon == 1 {
		return fmt.Errorf("make a queue with visibility=%s, abandon=%d: expected a time, and 0 or 2 and more", z.visibility, abandon)
	}
	z.abandon = int64(abandon)
	return nil
}
