package sample

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// A transaction that only reads does so at one moment, when its replica is sure to know everything that was acknowledged,
// as any read. One that writes is optimistic (Kung and Robinson, ACM TODS 6(2), 1981): its replica reads at one moment,
// and puts into the log what it found, by the versions of the rows, and what is to be written. At their place in the log
// every replica looks whether the versions are still the same, and if so writes. If not the transaction did not happen,
// and its replica begins anew, a few times.

// txnTries is how often a transaction is tried before the client is told that it was aborted.
const txnTries = 3

// The time before it is tried again.
const (
	againFrom = 100 * time.Microsecond
	againTo   = time.Millisecond
)

// commit is what of a transaction stands in the log.
type commit struct {
	reads  []found
	writes []history.Mop
}

// found is a row that was read, as it was.
type found struct {
	key     string
	version uint64
}

func (t commit) encode() history.Value {
	b := binary.AppendUvarint(nil, uint64(len(t.reads)))
	for _, f := range t.reads {
		b = binary.AppendUvarint(text(b, f.key), f.version)
	}
	for _, m := range t.writes {
		b = text(text(text(b, m.F), m.Key), string(m.Value))
	}
	return history.Value(b)
}

func decodeCommit(v history.Value) (t commit, err error) {
	r := cursor{b: []byte(v)}
	for n := r.number(); n > 0 && r.err == nil; n-- {
		t.reads = append(t.reads, found{r.text(), r.number()})
	}
	for len(r.b) > 0 {
		t.writes = append(t.writes, history.Mop{F: r.text(), Key: r.text(), Value: history.Value(r.text())})
	}
	return t, r.err
}

// attempt carries out a transaction here, and proposes what it came to.
func (r *replica) attempt(q *Request) {
	if q.over {
		return
	}
	q.txn.tries++
	entry, res := r.carryOut(q)
	if res.err != nil {
		r.answer(q, res)
		return
	}
	q.txn.entry, q.txn.answer = entry, res.value
	r.s.steps.effect(r, q)
}

// carryOut reads what a transaction reads, and gives what it answers and what is to be committed of it.
func (r *replica) carryOut(q *Request) (entry commit, res result) {
	mops := slices.Clone(q.txn.mops)
	own := map[string]history.Value{} // the rows that it has read or written
	for i, m := range mops {
		v, known := own[m.Key]
		switch {
		case m.F == "r" && !known:
			x := r.s.steps.see(r, q, m.Key)
			entry.reads = append(entry.reads, found{m.Key, x.Version})
			v = x.Value
			for _, w := range entry.writes {
				if w.Key == m.Key {
					v = written(w, v)
				}
			}
			own[m.Key], mops[i].Value = v, v
			if q.txn.absent && !v.IsNil() {
				return entry, refused("there", "another row is there")
			}
		case m.F == "r":
			mops[i].Value = v
		default:
			entry.writes = append(entry.writes, m)
			if known || m.F == "w" {
				own[m.Key] = written(m, v)
			}
		}
	}
	if !q.txn.says.IsNil() {
		return entry, result{value: q.txn.says}
	}
	return entry, result{value: history.Txn(mops)}
}

// see is a row as this replica knows it.
func (r *replica) see(q *Request, key string) row { return r.state.rows(q.Object)[key] }

// holds reports whether every row that a transaction has read is as it was.
func (s *state) holds(c command, t commit) bool {
	return !slices.ContainsFunc(t.reads, func(f found) bool { return s.rows(c.Object)[f.key].Version != f.version })
}

// settle commits a transaction at its place in the log, or aborts it.
func (r *replica) settle(c command) result {
	t, err := decodeCommit(c.Value)
	if err != nil {
		panic(fmt.Errorf("read a transaction in the log: %w", err))
	}
	if !r.s.steps.holds(r.state, c, t) {
		return refused("conflict", "another transaction has changed what this one read")
	}
	rows := r.state.rows(c.Object)
	for _, m := range t.writes {
		x := rows[m.Key]
		rows[m.Key] = row{x.Version + 1, written(m, x.Value)}
	}
	return result{}
}

// settled answers a transaction, or tries it again.
func (r *replica) settled(q *Request, res result) {
	switch {
	case res.err == nil:
		r.answer(q, result{value: q.txn.answer})
	case q.txn.tries < txnTries:
		r.later(r.between(againFrom, againTo), func() { r.attempt(q) })
	default:
		r.answer(q, res)
	}
}
