package txn

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

const (
	never = math.MaxInt32 // the end of a transaction whose end nobody knows
	none  = int32(-1)
)

// columns are the transactions of a history as columns of numbers. A transaction is a small number, in the order of the
// invocations; so are keys, writes, and micro-operations. Of a read, only its place in the text is kept.
type columns struct {
	view *history.View

	call  []int32        // of each transaction: its position in view.Calls
	inv   []int32        // positions in view.Ops
	ret   []int32        // never unless it is ok
	typ   []history.Type // OK, Info, Fail
	first []int32        // its first micro-operation; one more element than there are transactions

	write []bool  // of each micro-operation: it writes, or it reads
	key   []int32 // which key
	arg   []int32 // the number of the write; of a read its place in the text at first, then what version it saw (see lists, registers)
	size  []int32 // of a read: the length of its text

	writes []write
	index  elementIndex
	keys   []string
	keyID  map[string]int32
	others map[string]int64 // elements that are no small numbers, by their text

	twice     *[2]int32 // two writes of one value to one key, if there are such
	malformed *checker.Malformed
}

// write is one micro-operation that writes.
type write struct {
	elem int64 // the element, see elementOf
	key  int32
	txn  int32
	at   int32 // the micro-operation
}

// elementOf gives the number of an element: itself when it is a small whole number, else one beyond all of them. What no
// transaction writes has no number: add says whether to make one.
func (c *columns) elementOf(text string, add bool) (int64, bool) {
	if n, ok := small(text); ok {
		return n, true
	}
	n, ok := c.others[text]
	if !ok && add {
		n = math.MaxInt64 - int64(len(c.others))
		c.others[strings.Clone(text)] = n
		ok = true
	}
	return n, ok
}

// writeOf gives the write of an element to a key, none for one that nobody wrote.
func (c *columns) writeOf(key int32, text string) int32 {
	elem, ok := c.elementOf(text, false)
	if !ok {
		return none
	}
	return c.index.find(c.writes, key, elem)
}

// elementText is the way back from a write.
func (c *columns) elementText(w int32) string {
	m := c.writes[w]
	ms, _ := new(reader).mops(c.source(m.txn))
	return ms[m.at-c.first[m.txn]].value
}

// source is the text from which a transaction was read: its answer when it is ok, else what was asked.
func (c *columns) source(t int32) history.Value {
	if c.typ[t] == history.OK {
		return c.view.Ops[c.ret[t]].Value
	}
	return c.view.Ops[c.inv[t]].Value
}

// text is what a read answered, while arg and size say where it stands. Values that had to be rewritten are found anew.
func (c *columns) text(t, m int32) string {
	if c.size[m] >= 0 {
		return string(c.view.Ops[c.ret[t]].Value[c.arg[m] : c.arg[m]+c.size[m]])
	}
	ms, _ := new(reader).mops(c.source(t))
	return ms[m-c.first[t]].value
}

// txns is the number of transactions.
func (c *columns) txns() int32 { return int32(len(c.call)) }

// mops is the range of a transaction's micro-operations.
func (c *columns) mops(t int32) (from, to int32) { return c.first[t], c.first[t+1] }

// process is the client of a transaction.
func (c *columns) process(t int32) int32 { return c.view.Calls[c.call[t]].Worker }

// read puts the transactions of a history into columns. writer is the name of the micro-operation that writes: "append" or "w".
func read(ctx context.Context, v *history.View, writer string) (*columns, error) {
	if len(v.Ops) >= never/2 {
		return nil, fmt.Errorf("judge %d events: at most %d fit; cut the history into parts", len(v.Ops), never/2)
	}
	n := len(v.Calls)
	c := &columns{
		view: v, call: make([]int32, 0, n), inv: make([]int32, 0, n), ret: make([]int32, 0, n),
		typ: make([]history.Type, 0, n), first: make([]int32, 0, n+1), keyID: map[string]int32{}, others: map[string]int64{},
	}
	c.reserve()
	var r reader
	for i, call := range v.Calls {
		if i&0xfff == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("read the transactions: %w", ctx.Err())
		}
		inv := &v.Ops[call.Invoke]
		if inv.F != "txn" {
			c.misfit(inv, "expected the operation txn, found %q", inv.F)
			continue
		}
		t := c.txns()
		c.call, c.inv = append(c.call, int32(i)), append(c.inv, int32(call.Invoke))
		c.typ, c.ret = append(c.typ, call.Type), append(c.ret, never)
		c.first = append(c.first, int32(len(c.key)))
		from := inv
		if call.Type == history.OK {
			c.ret[t] = int32(call.Return)
			from = &v.Ops[call.Return]
		}
		ms, err := r.mops(from.Value)
		if err != nil {
			c.misfit(from, "%v", err)
			continue
		}
		for _, m := range ms {
			c.add(t, from, writer, m)
		}
	}
	c.first = append(c.first, int32(len(c.key)))
	c.index = newElementIndex(c.writes, &c.twice)
	return c, nil
}

// reserve makes room for the micro-operations, guessed from a sample.
func (c *columns) reserve() {
	var r reader
	calls, seen, ms := c.view.Calls, 0, 0
	for i := 0; i < len(calls); i += 1 + len(calls)/256 {
		if m, err := r.mops(c.view.Inv(calls[i]).Value); err == nil {
			seen, ms = seen+1, ms+len(m)
		}
	}
	room := len(calls) * ms / max(1, seen) * 21 / 20
	c.write, c.key = make([]bool, 0, room), make([]int32, 0, room)
	c.arg, c.size = make([]int32, 0, room), make([]int32, 0, room)
	c.writes = make([]write, 0, room*11/20)
}

// add appends one micro-operation.
func (c *columns) add(t int32, from *history.Op, writer string, m mop) {
	name := m.key
	if from.Key != "" {
		name = from.Key + " " + m.key
	}
	k, ok := c.keyID[name]
	if !ok {
		k = int32(len(c.keys))
		name = strings.Clone(name)
		c.keys = append(c.keys, name)
		c.keyID[name] = k
	}
	arg, size := int32(0), int32(0)
	switch {
	case m.f == writer:
		elem, _ := c.elementOf(m.value, true)
		arg = int32(len(c.writes))
		c.writes = append(c.writes, write{elem, k, t, int32(len(c.key))})
		if m.value == "null" {
			c.misfit(from, "expected a value to write to key %q, found null", m.key)
		}
	case m.f != "r":
		c.misfit(from, "expected the micro-operations r and %s, found %q", writer, m.f)
	case c.typ[t] == history.OK:
		if arg, size = m.at, int32(len(m.value)); arg < 0 {
			size = -1
		}
	}
	c.write = append(c.write, m.f == writer)
	c.key = append(c.key, k)
	c.arg, c.size = append(c.arg, arg), append(c.size, size)
}

// misfit notes the first event that is none of a history of transactions.
func (c *columns) misfit(op *history.Op, format string, args ...any) {
	if c.malformed == nil {
		c.malformed = &checker.Malformed{Index: op.Index, Text: fmt.Sprintf(format, args...)}
	}
}
