package workloads

import (
	"time"

	"github.com/partita-dev/partita/history"
)

// allOfPause is how long an operation that did not succeed waits.
const allOfPause = 500 * time.Millisecond

// all emits each of many operations until it is ok, by whichever client is free.
type all struct {
	todo  []history.Op
	later []waiting // the one that waits longest first
	open  map[int32]history.Op
}

type waiting struct {
	op history.Op
	at time.Duration
}

func allOf(ops []history.Op) Generator { return &all{todo: ops, open: map[int32]history.Op{}} }

func (a *all) Next(c *Ctx) (op history.Op, at time.Duration, s Status) {
	switch {
	case len(a.todo) > 0:
		op, at = a.todo[0], c.Now
	case len(a.later) > 0:
		op, at = a.later[0].op, max(c.Now, a.later[0].at)
	case len(a.open) > 0:
		return op, 0, Pending
	default:
		return op, 0, Done
	}
	_, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op.Process = process
	return op, at, Ready
}

func (a *all) Update(c *Ctx, op history.Op) {
	switch {
	case op.Type == history.Invoke && len(a.todo) > 0:
		a.open[op.Process] = a.todo[0]
		a.todo = a.todo[1:]
	case op.Type == history.Invoke:
		a.open[op.Process] = a.later[0].op
		a.later = a.later[1:]
	default:
		if op.Type != history.OK {
			a.later = append(a.later, waiting{a.open[op.Process], c.Now + allOfPause})
		}
		delete(a.open, op.Process)
	}
}
