package bench

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/partita-dev/partita/history"
)

// txnLoad is a closed loop of clients that do transactions on a database which is strictly serializable, but for a share
// of stale reads.
type txnLoad struct {
	n, clients  int
	perKey      int     // writes a key, then another takes its place
	exponential bool    // key i is twice as likely as key i-1; else uniform
	register    bool    // registers instead of lists
	stale       float64 // the share of transactions that read every key as it was 200 transactions ago, which is longer than any runs
	seed        uint64
}

const activeKeys = 10

// txnEvent is a moment of a client: it begins, its transaction takes effect, it ends.
type txnEvent struct {
	at     float64
	kind   int
	client int32
}

type txnEvents []txnEvent

func (h txnEvents) Len() int           { return len(h) }
func (h txnEvents) Less(i, j int) bool { return h[i].at < h[j].at }
func (h txnEvents) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *txnEvents) Push(x any)        { *h = append(*h, x.(txnEvent)) }
func (h *txnEvents) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// txnKey is a key that is written to, with the lengths of its list after each of the last writes.
type txnKey struct {
	id, writes int
	text       []byte
	ends       []int // where the text ended, and when
	when       []int
}

// history makes the events.
func (l txnLoad) history() []history.Op {
	r := rand.New(rand.NewPCG(l.seed, 1))
	keys, nextKey := make([]*txnKey, activeKeys), activeKeys
	for i := range keys {
		keys[i] = &txnKey{id: i}
	}
	writer := "append"
	if l.register {
		writer = "w"
	}
	type mop struct {
		key   *txnKey
		write int
	}
	asked := make([][]mop, l.clients)
	answers := make([]history.Value, l.clients)
	var h txnEvents
	for c := range l.clients {
		heap.Push(&h, txnEvent{r.ExpFloat64(), 0, int32(c)})
	}
	ops := make([]history.Op, 0, 2*l.n)
	var buf []byte
	text := func(ms []mop, answer bool, effect int) history.Value {
		stale := answer && l.stale > 0 && r.Float64() < l.stale
		buf = append(buf[:0], '[')
		for i, m := range ms {
			if i > 0 {
				buf = append(buf, ',')
			}
			if m.write > 0 {
				buf = append(append(append(buf, `["`...), writer...), `",`...)
				buf = append(strconv.AppendInt(buf, int64(m.key.id), 10), ',')
				buf = append(strconv.AppendInt(buf, int64(m.write), 10), ']')
				if answer {
					m.key.apply(m.write, effect, l.register)
				}
				continue
			}
			buf = append(strconv.AppendInt(append(buf, `["r",`...), int64(m.key.id), 10), ',')
			switch {
			case !answer:
				buf = append(buf, "null"...)
			case stale:
				buf = m.key.read(buf, effect-10*l.clients, l.register)
			default:
				buf = m.key.read(buf, effect, l.register)
			}
			buf = append(buf, ']')
		}
		return history.Value(append(buf, ']'))
	}
	started, effects := 0, 0
	for len(h) > 0 {
		e := heap.Pop(&h).(txnEvent)
		c := e.client
		op := history.Op{Index: int64(len(ops)), Time: time.Duration(e.at * 1e6), Process: c, F: "txn"}
		switch e.kind {
		case 0:
			if started++; started > l.n {
				continue
			}
			asked[c] = asked[c][:0]
			for range 1 + r.IntN(4) {
				i := r.IntN(activeKeys)
				if l.exponential {
					i = int(math.Log2(r.Float64()*(1<<activeKeys-1) + 1))
				}
				m := mop{key: keys[i]}
				if r.IntN(2) == 0 {
					keys[i].writes++
					if m.write = keys[i].writes; m.write >= l.perKey {
						keys[i] = &txnKey{id: nextKey}
						nextKey++
					}
				}
				asked[c] = append(asked[c], m)
			}
			op.Type, op.Value = history.Invoke, text(asked[c], false, 0)
			ops = append(ops, op)
			took := r.ExpFloat64()
			heap.Push(&h, txnEvent{e.at + took*r.Float64(), 1, c})
			heap.Push(&h, txnEvent{e.at + took, 2, c})
		case 1:
			effects++
			answers[c] = text(asked[c], true, effects)
		case 2:
			op.Type, op.Value = history.OK, answers[c]
			ops = append(ops, op)
			heap.Push(&h, txnEvent{e.at + 0.1*r.ExpFloat64(), 0, c})
		}
	}
	return ops
}

// apply writes to a key.
func (k *txnKey) apply(v, effect int, register bool) {
	if register {
		k.text = k.text[:0]
	} else if len(k.text) > 0 {
		k.text = append(k.text, ',')
	}
	k.text = strconv.AppendInt(k.text, int64(v), 10)
	end := len(k.text)
	if register {
		end = v
	}
	k.ends, k.when = append(k.ends, end), append(k.when, effect)
}

// read appends what the key was at a moment.
func (k *txnKey) read(buf []byte, effect int, register bool) []byte {
	i := len(k.when) - 1
	for i >= 0 && k.when[i] > effect {
		i--
	}
	switch {
	case i < 0 && register:
		return append(buf, "null"...)
	case i < 0:
		return append(buf, "[]"...)
	case register:
		return strconv.AppendInt(buf, int64(k.ends[i]), 10)
	}
	return append(append(append(buf, '['), k.text[:k.ends[i]]...), ']')
}
