package linear

import (
	"fmt"
	"math"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// never is the return of an operation that may take effect until the end of time.
const never = math.MaxInt32

// none is the value id of "no value at all": what a write observes, what a read inserts.
const none int32 = -1

// initialID is the value id of the register's initial value.
const initialID int32 = 0

// op is one operation that happened, or may have. Of a register: a read sees from, a write inserts to, a cas sees from and
// inserts to. What the two mean for other objects stands with their models.
type op struct {
	id       int32 // its position
	call     int32 // position in View.Calls
	inv, ret int32 // positions of its events; ret is never while nobody knows
	from, to int32
}

func (o op) pending() bool { return o.ret == never }
func (o op) read() bool    { return o.to == none }

// register is one key's history, ready to be checked.
type register struct {
	view    *history.View
	key     string
	ops     []op            // in the order of their calls
	refused map[int32]int32 // value → a failed operation (position in View.Calls) that would have written it
	values  []history.Value
}

// newRegister takes one key's calls apart. The error says which operation no register has.
func newRegister(v *history.View, key string, initial history.Value, m mutation) (*register, error) {
	calls := v.CallsOf(key)
	r := &register{view: v, key: key, ops: make([]op, 0, len(calls))}
	in := interner{ops: len(calls)}
	if m == initialAlwaysNil {
		initial = ""
	}
	in.id(initial)
	pendings := 0
	for _, ci := range calls {
		c := &v.Calls[ci]
		inv := &v.Ops[c.Invoke]
		o := op{call: int32(ci), inv: int32(c.Invoke), ret: never, from: none, to: none}
		if c.Type == history.OK || c.Type == history.Fail && m == failedHappened {
			o.ret = int32(c.Return)
		}
		if c.Type == history.Info && c.Info >= 0 && m == infoEndsAtItsEvent {
			o.ret = int32(c.Info)
		}
		switch inv.F {
		case "read":
			if c.Type != history.OK && (m != pendingReadKept || c.Type == history.Fail) {
				continue
			}
			if c.Return < 0 {
				if o.from = initialID; c.Info >= 0 {
					o.ret = int32(c.Info)
				}
				break
			}
			answer := v.Ops[c.Return].Value
			if answer.IsNil() && m == noValueIgnored {
				continue
			}
			o.from = in.id(answer)
		case "write":
			o.to = in.id(inv.Value)
		case "delete":
			o.to = in.id("")
		case "cas":
			from, to, ok := pair(inv.Value)
			if !ok {
				return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("a cas of key %q has the argument %s: expected [from,to]", key, checker.Show(inv.Value))}
			}
			o.from, o.to = in.id(from), in.id(to)
		default:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a register has read, write, delete and cas", key, inv.F)}
		}
		switch {
		case c.Type == history.Fail && m != failedHappened:
			if o.to != none {
				if r.refused == nil {
					r.refused = map[int32]int32{}
				}
				r.refused[o.to] = o.call
			}
			continue
		case c.Type == history.Info && m == infoNeverHappened:
			continue
		}
		if o.pending() {
			pendings++
		}
		r.ops = append(r.ops, o)
	}
	r.values = in.values
	if pendings > 0 {
		r.ops = dropUnseen(r.ops, len(r.values), m)
	}
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
	out := make([]op, 0, len(ops))
	for i, o := range ops {
		if kept[i] {
			out = append(out, o)
		}
	}
	return out
}
