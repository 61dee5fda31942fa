package checker

import (
	"strings"

	"github.com/partita-dev/partita/history"
)

// touches says whether an operation looks at data, and whether it may change data. What nobody has heard of changes something.
func touches(op history.Op) (reads, changes bool) {
	switch {
	case strings.HasPrefix(op.F, "read"):
		return true, false
	case op.F == "poll" || op.F == "watch":
		return true, false
	case op.F == "dequeue" || op.F == "drain" || op.F == "pop" || op.F == "acquire" || op.F == "generate":
		return true, true // what they answer is the test
	case op.F != "txn":
		return false, true
	}
	mops, ok := op.Value.Txn()
	if !ok {
		return false, true
	}
	for _, m := range mops {
		if m.F == "r" {
			reads = true
		} else {
			changes = true
		}
	}
	return reads, changes
}

// answered reports whether a call is a sign of life of the service: it succeeded, or the database refused what it may
// refuse (a cas whose value is not there). That nobody could be reached, or that the operation was not even sent, is no answer.
func answered(v *history.View, c history.Call) bool {
	switch {
	case c.Type == history.OK:
		return true
	case c.Type != history.Fail:
		return false
	}
	ret, _ := v.Ret(c)
	switch v.Inv(c).F {
	case "cas", "txn", "dequeue", "pop", "acquire", "release", "transfer":
	default:
		return ret.Err.Code == "cas-mismatch" || ret.Err.Code == "fenced"
	}
	switch ret.Err.Code {
	case "connect", "unreachable", "timeout", "cancelled", "connect-timeout", "not-sent", "panic":
		return false
	}
	return true
}
