package sample_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
)

// pending is a transaction under way.
type pending struct {
	value history.Value
	err   error
}

func begin(t *testing.T, s *sample.Store, node, object string, op history.Op) *pending {
	t.Helper()
	p := &pending{err: errOpen}
	if _, err := s.Submit(node, object, op, func(v, _ history.Value, err error) { p.value, p.err = v, err }); err != nil {
		t.Fatal(err)
	}
	return p
}

func txn(v history.Value) history.Op { return history.Op{F: "txn", Value: v} }

// became says what became of transactions that began at one moment, each at a node of its own.
func became(t *testing.T, s *sample.Store, object string, ops ...history.Op) (out []string) {
	t.Helper()
	var ps []*pending
	for i, op := range ops {
		ps = append(ps, begin(t, s, s.Names()[i], object, op))
	}
	pass(s, time.Second)
	for _, p := range ps {
		switch {
		case p.err == nil:
			out = append(out, string(p.value))
		case clients.IsNotDone(p.err):
			out = append(out, clients.ErrorOf(p.err).Code)
		default:
			out = append(out, p.err.Error())
		}
	}
	return out
}

// Two transactions that each read what the other writes: one is tried again, and sees the other.
func TestConcurrentTransactionsSeeOneAnother(t *testing.T) {
	s := started(t, "")
	for i := range 20 {
		x, y := fmt.Sprint("x", i), fmt.Sprint("y", i)
		a := txn(history.Txn([]history.Mop{{F: "r", Key: x}, {F: "append", Key: y, Value: "1"}}))
		b := txn(history.Txn([]history.Mop{{F: "r", Key: y}, {F: "append", Key: x, Value: "2"}}))
		got := became(t, s, "list-append", a, b)
		first := got[0] == fmt.Sprintf(`[["r","%s",null],["append","%s",1]]`, x, y) && got[1] == fmt.Sprintf(`[["r","%s",[1]],["append","%s",2]]`, y, x)
		second := got[0] == fmt.Sprintf(`[["r","%s",[2]],["append","%s",1]]`, x, y) && got[1] == fmt.Sprintf(`[["r","%s",null],["append","%s",2]]`, y, x)
		if !first && !second {
			t.Errorf("they came to %v", got)
		}
	}
}

// Of two rows for one key, one is inserted.
func TestOneOfTwoInsertsIsRefused(t *testing.T) {
	s := started(t, "")
	for i := range 20 {
		key := fmt.Sprint(i)
		got := became(t, s, "g2", history.Op{F: "insert", Key: key, Value: "[1,null]"}, history.Op{F: "insert", Key: key, Value: "[null,2]"})
		if !slices.Contains(got, "there") || !strings.Contains(strings.Join(got, " "), "null") {
			t.Errorf("they came to %v", got)
		}
	}
}

// A transaction that meets others again and again is aborted: that is no doubt, and it has written nothing.
func TestATransactionThatIsAbortedDidNothing(t *testing.T) {
	s := started(t, "")
	value, aborted := 0, map[history.Value]bool{}
	for range 100 {
		var ps []*pending
		var mine []history.Value
		for i := range 3 {
			for range 5 {
				value++
				v := history.Int(int64(value))
				mine = append(mine, v)
				ps = append(ps, begin(t, s, s.Names()[i], "list-append", txn(history.Txn([]history.Mop{{F: "r", Key: "x"}, {F: "append", Key: "x", Value: v}}))))
			}
		}
		pass(s, time.Second)
		for i, p := range ps {
			switch {
			case errors.Is(p.err, errOpen):
				t.Fatal("no answer")
			case p.err != nil && (!clients.IsNotDone(p.err) || clients.ErrorOf(p.err).Code != "conflict"):
				t.Fatal(p.err)
			case p.err != nil:
				aborted[mine[i]] = true
			}
		}
	}
	got := became(t, s, "list-append", txn(`[["r","x",null]]`))
	mops, _ := history.Value(got[0]).Txn()
	list, _ := mops[0].Value.List()
	if len(aborted) == 0 || len(list)+len(aborted) != value {
		t.Errorf("of %d transactions %d were aborted and %d numbers are there", value, len(aborted), len(list))
	}
	for _, v := range list {
		if aborted[v] {
			t.Errorf("%s was aborted, and is there", v)
		}
	}
}
