package history

import (
	"fmt"
	"time"
)

// Type says which event of an operation an Op is.
type Type uint8

// The four types of event. The zero Type is no event at all, so that a forgotten one is noticed.
const (
	Invoke Type = iota + 1 // the operation was handed to a client
	OK                     // it happened
	Fail                   // it certainly did not happen
	Info                   // nobody knows: it may happen at any later time, or never
)

var typeNames = [...]string{Invoke: "invoke", OK: "ok", Fail: "fail", Info: "info"}

// String gives the type as it stands in a history file.
func (t Type) String() string {
	if t < Invoke || t > Info {
		return fmt.Sprintf("type(%d)", uint8(t))
	}
	return typeNames[t]
}

// ParseType reads a type as it stands in a history file.
func ParseType(s string) (Type, error) {
	for t := Invoke; t <= Info; t++ {
		if typeNames[t] == s {
			return t, nil
		}
	}
	return 0, fmt.Errorf("unknown type %q: expected invoke, ok, fail or info", s)
}

// Nemesis is the Process of the events that the nemesis writes.
const Nemesis int32 = -1

// Died is the F of the nemesis's event for a database whose process ended by itself: no fault of the plan. Its Node says
// where, its Err how.
const Died = "died"

// Op is one event of a history.
type Op struct {
	Index   int64         // the order of events; checkers use it, never Time
	Time    time.Duration // since the run began, monotonic, on the controller; never decreases along Index
	Process int32         // ≥ 0 a client; Nemesis otherwise
	Type    Type
	F       string // "read", "write", "cas", "txn", "enqueue", …; a fault's name for the nemesis
	Key     string // which of many independent objects, "" for none
	Node    string // the node that the client talks to, "" for none
	Value   Value  // the argument on an Invoke, the answer on a completion
	Ext     Value  // what the database said beside it: offset, revision, fencing token
	Err     Err
	Took    time.Duration // the worker's own latency; completions only
}

// Err is why an operation did not end ok: a short stable code for grouping, and the words of the client.
type Err struct {
	Code string `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
}

// IsZero reports whether there is no error.
func (e Err) IsZero() bool { return e == Err{} }

// String gives code and text.
func (e Err) String() string {
	switch {
	case e.Code == "":
		return e.Text
	case e.Text == "":
		return e.Code
	}
	return e.Code + ": " + e.Text
}

// Client reports whether the event belongs to a client, not to the nemesis.
func (o Op) Client() bool { return o.Process >= 0 }
