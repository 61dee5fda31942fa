package checker

import (
	"fmt"
	"time"

	"github.com/partita-dev/partita/history"
)

// Exhibit is the Data of an anomaly whose proof is a handful of operations: enough to draw it in space and time.
type Exhibit struct {
	Ops []ExhibitOp `json:"ops"`
	Why string      `json:"why,omitempty"` // why these operations cannot all be right
}

// ExhibitOp is one operation of an Exhibit, from its invocation to its completion.
type ExhibitOp struct {
	Process int32         `json:"process"`
	Node    string        `json:"node,omitempty"`
	F       string        `json:"f"`
	Key     string        `json:"key,omitempty"`
	Value   history.Value `json:"value,omitempty"` // what it answered when that is known and something, else its argument
	From    history.Point `json:"from"`
	To      history.Point `json:"to"` // Never for an operation whose end nobody knows
	Outcome string        `json:"outcome"`
	Note    string        `json:"note,omitempty"` // its part in the proof
}

// ExhibitCall gives one call of a history as an ExhibitOp.
func ExhibitCall(v *history.View, c history.Call, note string) ExhibitOp {
	inv := v.Inv(c)
	op := ExhibitOp{
		Process: inv.Process, Node: inv.Node, F: inv.F, Key: inv.Key, Value: inv.Value,
		From: history.Point{Index: inv.Index, Time: inv.Time}, To: history.Never,
		Outcome: c.Type.String(), Note: note,
	}
	if c.Return >= 0 {
		ret := v.Ops[c.Return]
		op.To = history.Point{Index: ret.Index, Time: ret.Time}
		if c.Type == history.OK && !ret.Value.IsNil() {
			op.Value = ret.Value
		}
	}
	return op
}

// Events lists the indices of the events of calls.
func Events(v *history.View, calls ...history.Call) []int64 {
	var is []int64
	for _, c := range calls {
		is = append(is, v.Inv(c).Index)
		if ret, ok := v.Ret(c); ok {
			is = append(is, ret.Index)
		}
	}
	return is
}

// Who names the client of an operation for a sentence: its node, or its process where no node is known.
func Who(op history.Op) string {
	if op.Node != "" {
		return op.Node
	}
	return fmt.Sprintf("process %d", op.Process)
}

// Since is the time from one event to a later one, never less than nothing.
func Since(from, to history.Op) time.Duration { return max(0, to.Time-from.Time) }
