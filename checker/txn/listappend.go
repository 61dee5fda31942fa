package txn

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/checker"
)

// ListAppend is the checker of transactions on lists.
func ListAppend() checker.Spec {
	return checker.Spec{
		Name: "list-append",
		Doc: "transactions that append to lists and read them (txn [[\"append\",\"x\",1],[\"r\",\"x\",[1]]]): which anomalies of isolation they show; " +
			"--param consistency=MODEL says what must hold (default strict-serializable), anomalies=LIST what must not be",
		Checker: listAppend{},
	}
}

// All are the checkers of transactions.
func All() []checker.Spec { return []checker.Spec{ListAppend(), RWRegister()} }

type listAppend struct{ mistake mistake }

// Check judges the history.
func (x listAppend) Check(ctx context.Context, in checker.Input) checker.Result {
	a, err := ask(in.Params)
	if err != nil {
		return checker.Result{Reason: err.Error()}
	}
	c, err := read(ctx, in.History, "append")
	if err != nil {
		return checker.Result{Reason: err.Error()}
	}
	if r, bad := c.unusable(); bad {
		return r
	}
	l := readLists(c, x.mistake, processors())
	if r, bad := c.unusable(); bad {
		return r
	}
	l.judge()
	j := &judgement{columns: c, found: &l.found, graph: l.graph(), source: l, writes: "append", mistake: x.mistake, facts: map[string]any{
		"algorithm": "order of versions from the longest reads, cycles of dependencies (Elle)",
	}}
	return j.result(ctx, a)
}

// unusable gives the result for columns that no order can be read from.
func (c *columns) unusable() (checker.Result, bool) {
	switch {
	case c.malformed != nil:
		return checker.Result{Reason: c.malformed.Error(), Malformed: c.malformed}, true
	case c.txns() == 0:
		return checker.Result{Reason: "the history has no transactions"}, true
	case c.twice != nil:
		w, o := c.writes[c.twice[0]], c.writes[c.twice[1]]
		return checker.Result{Reason: fmt.Sprintf("%s and %s both write %s to key %s: every value must be written once, or nobody can tell whose it is that was read",
			c.label(w.txn), c.label(o.txn), show(c.elementText(c.twice[0])), c.keys[w.key])}, true
	}
	return checker.Result{}, false
}
