package history

import "fmt"

// Call is one operation: the event that invoked it and the one that completed it.
type Call struct {
	Invoke int   // position in View.Ops
	Return int   // position in View.Ops; -1 while nobody knows: no completion, or Info
	Type   Type  // OK, Fail or Info; Info too when the history ends before the completion
	Info   int   // position of the Info event, -1 for none
	Worker int32 // the process
}

// View is a whole history in memory, its events paired into calls once and shared by all checkers.
// It must not be changed.
type View struct {
	Ops   []Op
	Calls []Call // clients' calls in the order of their invocations

	keys  []string
	byKey map[string][]int
}

// BadEvent is the error of a history whose events do not pair into operations.
type BadEvent struct {
	Index int64  // of the event
	Text  string // what is wrong with it, and what was expected
}

// Error gives the text behind the event's index.
func (b *BadEvent) Error() string { return fmt.Sprintf("index %d: %s", b.Index, b.Text) }

func bad(o Op, format string, args ...any) error {
	return &BadEvent{o.Index, fmt.Sprintf(format, args...)}
}

// NewView pairs the events of a history. A completion without an invocation, a second operation of a
// process before its first was completed, and an index that goes back are errors that name the event (BadEvent).
func NewView(ops []Op) (*View, error) {
	v := &View{Ops: ops, byKey: map[string][]int{}}
	open := map[int32]int{}
	for i, o := range ops {
		if i > 0 && o.Index <= ops[i-1].Index {
			return nil, bad(o, "event %d: index does not grow: the one before has %d", i, ops[i-1].Index)
		}
		if !o.Client() {
			continue
		}
		c, isOpen := open[o.Process]
		switch {
		case o.Type == Invoke && isOpen:
			return nil, bad(o, "process %d invokes %s while its %s (index %d) is still open: a process does one operation at a time", o.Process, o.F, ops[v.Calls[c].Invoke].F, ops[v.Calls[c].Invoke].Index)
		case o.Type == Invoke:
			open[o.Process] = len(v.Calls)
			if _, ok := v.byKey[o.Key]; !ok {
				v.keys = append(v.keys, o.Key)
			}
			v.byKey[o.Key] = append(v.byKey[o.Key], len(v.Calls))
			v.Calls = append(v.Calls, Call{Invoke: i, Return: -1, Info: -1, Type: Info, Worker: o.Process})
		case !isOpen:
			return nil, bad(o, "process %d completes %s (%s) that it never invoked: expected its invoke before (--loose supplies one)", o.Process, o.F, o.Type)
		default:
			inv := ops[v.Calls[c].Invoke]
			if inv.F != o.F {
				return nil, bad(o, "process %d completes %s, but it had invoked %s (index %d)", o.Process, o.F, inv.F, inv.Index)
			}
			if inv.Key != o.Key {
				return nil, bad(o, "process %d completes %s of key %q, but it had invoked it on key %q (index %d)", o.Process, o.F, o.Key, inv.Key, inv.Index)
			}
			v.Calls[c].Type = o.Type
			if o.Type == Info {
				v.Calls[c].Info = i
			} else {
				v.Calls[c].Return = i
			}
			delete(open, o.Process)
		}
	}
	return v, nil
}

// Keys gives the keys of the history in the order of their first use.
func (v *View) Keys() []string { return v.keys }

// CallsOf gives the positions in Calls of one key's calls.
func (v *View) CallsOf(key string) []int { return v.byKey[key] }

// Inv gives the invocation of a call.
func (v *View) Inv(c Call) Op { return v.Ops[c.Invoke] }

// Ret gives the completion of a call that ended ok or fail, the Info event of one that ended so, and false when there is none.
func (v *View) Ret(c Call) (Op, bool) {
	switch {
	case c.Return >= 0:
		return v.Ops[c.Return], true
	case c.Info >= 0:
		return v.Ops[c.Info], true
	}
	return Op{}, false
}
