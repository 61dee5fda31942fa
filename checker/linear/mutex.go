package linear

import (
	"fmt"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// Mutex is the checker of locks that nobody can hold twice.
func Mutex() checker.Spec {
	return checker.Spec{
		Name: "linearizable-mutex",
		Doc:  "each key is one linearizable lock: acquire and release, one after the other, whoever does them",
		Checker: keyed{model: model{take: func(v *history.View, key string, _ history.Params, o options) (object, error) {
			return newMutex(v, key, o)
		}}},
	}
}

// A lock is a register that is free or held: acquire is a cas from the one to the other, release the way back. But a pending
// one is never dropped: its effect is seen by the next of the other kind.
const (
	lockFree int32 = iota
	lockHeld
)

func newMutex(v *history.View, key string, o options) (*steps, error) {
	s := &steps{options: o, view: v, object: "lock", machine: registerMachine}
	for _, ci := range v.CallsOf(key) {
		c := &v.Calls[ci]
		x := op{call: int32(ci), inv: int32(c.Invoke), ret: never}
		if c.Type == history.OK {
			x.ret = int32(c.Return)
		}
		switch inv := &v.Ops[c.Invoke]; inv.F {
		case "acquire":
			x.from, x.to = lockFree, lockHeld
		case "release":
			x.from, x.to = lockHeld, lockFree
		default:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a lock has acquire and release", key, inv.F)}
		}
		if c.Type != history.Fail && (c.Type != history.Info || o.mutation != infoNeverHappened) {
			s.ops = append(s.ops, x)
		}
	}
	return s, nil
}
