package sample

import (
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// The objects that transactions work on: lists to which numbers are appended, registers, and two tables of which only one
// may have a row below a key.
const (
	listAppend = "list-append"
	rwRegister = "rw-register"
	g2         = "g2"
)

// row is what stands below one key.
type row struct {
	Version uint64        `json:"n"` // how often it was written
	Value   history.Value `json:"v"`
}

// rows are those of an object.
func (s *state) rows(object string) map[string]row {
	if object == listAppend {
		return s.Lists
	}
	return s.Cells
}

// isTxn reports whether the effects of an object are transactions.
func isTxn(object string) bool { return object == listAppend || object == rwRegister || object == g2 }

func txnSpecs() []spec {
	return []spec{
		{object: listAppend, name: "txn", begin: func(op history.Op) (*transaction, error) { return newTransaction(op, "append") }},
		{object: rwRegister, name: "txn", begin: func(op history.Op) (*transaction, error) { return newTransaction(op, "w") }},
		{object: g2, name: "insert", begin: newInsert},
	}
}

// transaction is one that is under way at its replica.
type transaction struct {
	mops   []history.Mop
	absent bool          // it gives up when it finds anything
	says   history.Value // what it answers instead of what it read
	tries  int
	entry  commit        // what of it is in the log, or on its way there
	answer history.Value // what it comes to when that is committed
}

// newTransaction reads [["r","x",null],["append","y",3]], or "w" instead of "append".
func newTransaction(op history.Op, write string) (*transaction, error) {
	mops, ok := op.Value.Txn()
	for _, m := range mops {
		_, number := m.Value.Int()
		ok = ok && (m.F == "r" || m.F == write && number)
	}
	if !ok || len(mops) == 0 {
		return nil, fmt.Errorf(`%s %s: expected a list of ["r",key,null] and ["%s",key,number]`, op.F, op.Value.JSON(), write)
	}
	return &transaction{mops: mops}, nil
}

// newInsert reads [1,null], a row of the first table, or [null,2], one of the second. It is inserted when neither table has
// a row below that key.
func newInsert(op history.Op) (*transaction, error) {
	a, b, ok := op.Value.Pair()
	_, first := a.Int()
	_, second := b.Int()
	if !ok || first == second || a.IsNil() == b.IsNil() {
		return nil, fmt.Errorf("insert %s: expected [number,null] or [null,number]", op.Value.JSON())
	}
	into := history.Mop{F: "w", Key: op.Key + "/a", Value: a}
	if second {
		into = history.Mop{F: "w", Key: op.Key + "/b", Value: b}
	}
	return &transaction{absent: true, says: op.Value, mops: []history.Mop{{F: "r", Key: op.Key + "/a"}, {F: "r", Key: op.Key + "/b"}, into}}, nil
}

func (t *transaction) readOnly() bool {
	return !slices.ContainsFunc(t.mops, func(m history.Mop) bool { return m.F != "r" })
}

// written is what a row holds after a write.
func written(m history.Mop, v history.Value) history.Value {
	switch {
	case m.F == "w":
		return m.Value
	case v.IsNil():
		return "[" + m.Value + "]"
	}
	return v[:len(v)-1] + "," + m.Value + "]"
}
