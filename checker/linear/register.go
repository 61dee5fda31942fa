package linear

import (
	"fmt"
	"math"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// never is the return of an operation that may take effect until the end of time.
const never = math.MaxInt

// none is the value id of "no value at all": what a write observes, what a read inserts.
const none int32 = -1

// initialID is the value id of the register's initial value.
const initialID int32 = 0

// op is one operation on a register that happened, or may have. Read: sees from. Write: inserts to. Cas: sees from, inserts to.
type op struct {
	id       int32 // position in register.ops
	call     history.Call
	inv, ret int // positions of its events; ret is never while nobody knows
	from, to int32
}

func (o op) pending() bool { return o.ret == never }
func (o op) read() bool    { return o.to == none }

// register is one key's history, ready to be checked.
type register struct {
	view    *history.View
	key     string
	ops     []op          // in the order of their calls
	refused map[int32]int // value → a failed operation (position in View.Calls) that would have written it
	values  []history.Value
}

// mutation breaks one rule, so that the tests can show that they would notice.
type mutation int

const (
	intact mutation = iota
	failedHappened
	infoNeverHappened
	infoEndsAtItsEvent
	pendingReadKept
	observedWriteDropped
	pendingCasSeesNothing
	pendingMustHappen
	initialAlwaysNil
	noValueIgnored
	staleForgetsPending
	staleForgetsRepeats
	futureComparesReturns
	aloneCasLosesUpdate
)

// newRegister takes one key's calls apart. The error says which operation no register has.
func newRegister(v *history.View, key string, initial history.Value, m mutation) (*register, error) {
	r := &register{view: v, key: key, refused: map[int32]int{}}
	ids := map[string]int32{}
	id := func(x history.Value) int32 {
		text := checker.Canonical(x)
		n, ok := ids[text]
		if !ok {
			n = int32(len(r.values))
			ids[text] = n
			r.values = append(r.values, x)
		}
		return n
	}
	if m == initialAlwaysNil {
		initial = ""
	}
	id(initial)
	for _, ci := range v.CallsOf(key) {
		c := v.Calls[ci]
		inv := v.Inv(c)
		o := op{call: c, inv: c.Invoke, ret: never, from: none, to: none}
		if c.Type == history.OK || c.Type == history.Fail && m == failedHappened {
			o.ret = c.Return
		}
		if c.Type == history.Info && c.Info >= 0 && m == infoEndsAtItsEvent {
			o.ret = c.Info
		}
		switch inv.F {
		case "read":
			if c.Type != history.OK && (m != pendingReadKept || c.Type == history.Fail) {
				continue
			}
			if c.Return < 0 {
				if o.from = initialID; c.Info >= 0 {
					o.ret = c.Info
				}
				break
			}
			answer := v.Ops[c.Return].Value
			if answer.IsNil() && m == noValueIgnored {
				continue
			}
			o.from = id(answer)
		case "write":
			o.to = id(inv.Value)
		case "cas":
			from, to, ok := inv.Value.Pair()
			if !ok {
				return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("a cas of key %q has the argument %s: expected [from,to]", key, checker.Show(inv.Value))}
			}
			o.from, o.to = id(from), id(to)
		default:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a register has read, write and cas", key, inv.F)}
		}
		switch {
		case c.Type == history.Fail && m != failedHappened:
			if o.to != none {
				r.refused[o.to] = ci
			}
			continue
		case c.Type == history.Info && m == infoNeverHappened:
			continue
		}
		r.ops = append(r.ops, o)
	}
	r.ops = dropUnseen(r.ops, len(r.values), m)
	for i := range r.ops {
		r.ops[i].id = int32(i)
	}
	return r, nil
}

// dropUnseen leaves out the pending writes and cas whose value no remaining operation saw. In any order that
// explains the others, the next effect behind such an operation is a write, so that it can be taken away; two
// pending cas that only see each other go together, hence the fixpoint: only what an operation with a known end
// saw, directly or through kept pending cas, is kept.
func dropUnseen(ops []op, values int, m mutation) []op {
	seen := make([]bool, values)
	kept := make([]bool, len(ops))
	pendingOf := map[int32][]int{} // value → pending operations that would insert it
	var queue []int32
	see := func(v int32) {
		if v != none && !seen[v] {
			seen[v] = true
			queue = append(queue, v)
		}
	}
	for i, o := range ops {
		if o.pending() && o.to != none {
			pendingOf[o.to] = append(pendingOf[o.to], i)
			continue
		}
		kept[i] = true
		see(o.from)
	}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		if m == observedWriteDropped {
			continue
		}
		for _, i := range pendingOf[v] {
			kept[i] = true
			if m != pendingCasSeesNothing {
				see(ops[i].from)
			}
		}
	}
	var out []op
	for i, o := range ops {
		if kept[i] {
			out = append(out, o)
		}
	}
	return out
}
