package sample

import (
	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// Some operations are more than one request: a message is delivered and then acknowledged, a log is read from where the
// reader stopped. What a client library does for them is here, on the clients' side of the wire.

// begin carries an operation to its replica, or lets the client's part of it begin.
func (s *Store) begin(r *replica, q *Request) {
	if q.spec.client != nil {
		q.spec.client(s, r, q)
		return
	}
	s.send(r, q)
}

// step sends a request that is a part of q, and goes on with its answer while anybody waits for q.
func (s *Store) step(r *replica, q *Request, f string, value history.Value, next func(result)) {
	sp, err := s.find(q.Object, f)
	if err != nil {
		panic(err) // both names are ours
	}
	op := q.Op
	op.F, op.Value = f, value
	q.part = &Request{Object: q.Object, Op: op, spec: sp, done: func(value, ext history.Value, err error) {
		if !q.over {
			next(result{value, ext, err})
		}
	}}
	s.send(r, q.part)
}

// finish answers an operation of several requests.
func (q *Request) finish(res result) {
	q.over = true
	q.done(res.value, res.ext, res.err)
}

// Harmless reports whether certainly nothing was sent for the request that could have an effect: whatever became of it, it
// did not happen.
func (q *Request) Harmless() bool { return q.harmless }

// Seen is what the client of an operation of unknown outcome knows all the same: a message that it was given, and whose
// acknowledgement got no answer. Nil: nothing.
func (q *Request) Seen() history.Value { return q.seen }

// notSent is the error of a request that came before the effect.
func notSent(err error) error {
	if clients.IsNotDone(err) {
		return err
	}
	return clients.NotDone(err)
}
