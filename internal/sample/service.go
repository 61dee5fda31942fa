package sample

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// How a replica serves its clients.
const (
	clientFrom = 100 * time.Microsecond // on the way between a client and its replica
	clientTo   = 300 * time.Microsecond
	retryEvery = 50 * time.Millisecond
	retryAfter = 250 * time.Millisecond // an effect that was not committed by then is proposed once more, by the same number
	rereadWait = 100 * time.Millisecond // a read that was not confirmed by then asks once more
)

var errReset = clients.Coded("reset", errors.New("connection reset: the replica ended"))

// Request is an operation of a client under way.
type Request struct {
	Object string
	Op     history.Op
	spec   spec
	done   func(history.Value, history.Value, error)
	over   bool
	life   uint64
	txn    *transaction  // nil for what is none
	seq    uint64        // of an effect: its number in this life of the replica
	sent   time.Duration // when it was proposed for the last time

	part     *Request      // of an operation of several requests: the one that is under way
	harmless bool          // and: none of them could have an effect so far
	seen     history.Value // and: what its client has in its hands already
}

// result is what an operation comes to.
type result struct {
	value, ext history.Value
	err        error
}

// service is what a replica does for its clients, in one life.
type service struct {
	seq     uint64
	effects []*Request // that wait for their entry, in the order of their numbers
	asking  *batch     // the reads that wait for raft's word
	next    []*Request // the reads that wait for their turn to ask
	owed    []*batch   // the reads that wait until enough is applied
	asks    uint64
}

// batch is reads that ask together.
type batch struct {
	ctx   string
	index uint64
	sent  time.Duration
	reqs  []*Request
}

// Submit carries op to a replica. done is called once, unless the request is cancelled before.
func (s *Store) Submit(node, object string, op history.Op, done func(value, ext history.Value, err error)) (*Request, error) {
	r, err := s.replica(node)
	if err != nil {
		return nil, err
	}
	q := &Request{Object: object, Op: op, done: done}
	if q.spec, err = specOf(object, op.F); err == nil && q.spec.inner {
		err = fmt.Errorf("%s of a %s is no operation by itself", op.F, object)
	} else if err == nil {
		err = q.spec.check(op)
		if err == nil && q.spec.begin != nil {
			q.txn, err = q.spec.begin(op)
		}
	}
	if err != nil {
		return nil, clients.NotDone(err)
	}
	s.begin(r, q)
	return q, nil
}

// send carries a request to its replica.
func (s *Store) send(r *replica, q *Request) {
	s.after(&s.clients, s.clients.between(clientFrom, clientTo), func() {
		if !r.up {
			r.answer(q, result{err: errRefused})
			return
		}
		q.life = r.life
		if r.paused {
			r.clients = append(r.clients, func() { r.handle(q) })
			return
		}
		r.run(func() { r.handle(q) })
	})
}

// Cancel says that nobody waits for the answer any more. Its effect may still happen.
func (q *Request) Cancel() {
	q.over = true
	if q.part != nil {
		q.part.over = true
	}
}

// answer sends a result on its way; only the first one of a request counts.
func (r *replica) answer(q *Request, res result) {
	if q.over {
		return
	}
	q.over = true
	r.s.after(&r.owner, r.between(clientFrom, clientTo), func() { q.done(res.value, res.ext, res.err) })
}

// handle begins a request at its replica.
func (r *replica) handle(q *Request) {
	if q.over || q.life != r.life {
		return
	}
	switch {
	case q.spec.readOnly || q.txn != nil && q.txn.readOnly():
		r.s.steps.read(r, q)
	case q.txn != nil:
		r.attempt(q)
	default:
		r.s.steps.effect(r, q)
	}
}

// effect proposes a request. It stays in the list of effects until its entry is applied here.
func (r *replica) effect(q *Request) {
	r.seq++
	q.seq = r.seq
	r.effects = append(r.effects, q)
	r.propose(q)
}

func (r *replica) propose(q *Request) {
	q.sent = r.s.now
	low := q.seq
	if len(r.effects) > 0 {
		low = min(low, r.effects[0].seq)
	}
	c := command{Origin: r.id<<32 | r.life, Seq: q.seq, Low: low, Object: q.Object, F: q.Op.F, Key: q.Op.Key, Value: q.Op.Value, Process: q.Op.Process, At: r.s.now}
	if q.txn != nil {
		c.Value = q.txn.entry.encode()
	}
	_ = r.rn.Propose(encode(c)) // without a leader it is dropped, and tried again later
	r.pump()
}

// answered gives the result of an effect to whoever waits for it here.
func (r *replica) answered(c command, res result) {
	if c.Origin != r.id<<32|r.life {
		return
	}
	for i, q := range r.effects {
		if q.seq == c.Seq {
			r.effects = slices.Delete(r.effects, i, i+1)
			if q.txn != nil {
				r.settled(q, res)
				return
			}
			r.answer(q, res)
			return
		}
	}
}

// retry proposes again what may have been lost, and forgets what nobody waits for.
func (r *replica) retry() {
	r.effects = slices.DeleteFunc(r.effects, func(q *Request) bool { return q.over })
	for _, q := range slices.Clone(r.effects) {
		if r.s.now-q.sent >= retryAfter {
			r.propose(q)
		}
	}
	if b := r.asking; b != nil && r.s.now-b.sent >= rereadWait {
		r.ask(b.reqs)
	}
	r.later(retryEvery, r.retry)
}

// read answers a read when raft has confirmed, after it began, that this replica knows everything that was acknowledged.
func (r *replica) read(q *Request) {
	r.next = append(r.next, q)
	if r.asking == nil {
		r.askNext()
	}
}

func (r *replica) askNext() {
	reqs := r.next
	r.next = nil
	r.ask(reqs)
}

func (r *replica) ask(reqs []*Request) {
	r.asking = nil
	if reqs = slices.DeleteFunc(reqs, func(q *Request) bool { return q.over }); len(reqs) == 0 {
		return
	}
	r.asks++
	ctx := strconv.FormatUint(r.id, 10) + "." + strconv.FormatUint(r.life, 10) + "." + strconv.FormatUint(r.asks, 10)
	r.asking = &batch{ctx: ctx, sent: r.s.now, reqs: reqs}
	r.rn.ReadIndex([]byte(ctx))
	r.pump()
}

// confirmed is raft's word on a batch of reads: they may be answered when index is applied.
func (r *replica) confirmed(ctx string, index uint64) {
	b := r.asking
	if b == nil || b.ctx != ctx {
		return // it was asked again since
	}
	b.index, r.asking = index, nil
	r.owed = append(r.owed, b)
}

// serve answers the reads for which enough is applied, and lets the next ones ask.
func (r *replica) serve() {
	for len(r.owed) > 0 && r.owed[0].index <= r.state.Applied {
		for _, q := range r.owed[0].reqs {
			r.look(q)
		}
		r.owed = r.owed[1:]
	}
	if r.asking == nil && len(r.next) > 0 {
		r.askNext()
	}
}

// look answers a read by what is here.
func (r *replica) look(q *Request) {
	switch {
	case q.over:
	case q.txn != nil:
		_, res := r.carryOut(q)
		r.answer(q, res)
	default:
		r.answer(q, q.spec.read(r.state, q.Op))
	}
}

// hangUp ends the connections of a replica that ended.
func (r *replica) hangUp() {
	reset := func(qs []*Request) {
		for _, q := range qs {
			r.answer(q, result{err: errReset})
		}
	}
	reset(r.effects)
	reset(r.next)
	if r.asking != nil {
		reset(r.asking.reqs)
	}
	for _, b := range r.owed {
		reset(b.reqs)
	}
	r.service = service{}
}
