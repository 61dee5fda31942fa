package checker

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/partita-dev/partita/history"
)

func TestSessionStories(t *testing.T) {
	op := func(node, f, arg, answer string) string {
		return node + " invoke " + f + " " + arg + "\n" + node + " ok " + f + " " + answer + "\n"
	}
	tell(t, Sessions().Checker, []told{
		{name: "a client sees what it wrote", text: op("n1", "write", "5", "5") + op("n1", "read", "null", "5"), want: Valid},
		{name: "or something newer", text: op("n1", "write", "5", "5") + op("n1", "read", "null", "7"), want: Valid},
		{name: "but not something older", text: op("n1", "write", "5", "5") + op("n1", "read", "null", "4"), want: Invalid, anomalies: "own-write-not-read", says: "the worst (n1) had version 4 after version 5"},
		{name: "and not nothing", text: op("n1", "write", "5", "5") + op("n1", "read", "null", "null"), want: Invalid, anomalies: "own-write-not-read", says: "nothing at all"},
		{name: "another client may be behind", text: op("n1", "write", "5", "5") + op("n2", "read", "null", "4") + op("n2", "read", "null", "4"), want: Valid},
		{name: "its reads go back", text: op("n1", "read", "null", "5") + op("n1", "read", "null", "4"), want: Invalid, anomalies: "read-went-back"},
		{name: "behind the newest, not only behind the last", text: op("n1", "read", "null", "5") + op("n1", "read", "null", "3") + op("n1", "read", "null", "4"), want: Invalid, anomalies: "read-went-back", says: "2 reads"},
		{name: "a write of unknown outcome need not be seen", text: "n1 invoke write 5\nn1 info write 5\n" + op("n1", "read", "null", "4") + op("n1", "read", "null", "4"), want: Valid},
		{name: "revisions count, not values", text: op("n1", "write", "5", "5 10") + op("n1", "read", "null", "4 11"), want: Valid},
		{name: "a revision goes back", text: op("n1", "write", "5", "5 10") + op("n1", "read", "null", "6 9"), want: Invalid, anomalies: "own-write-not-read"},
		{name: "writes go back", text: op("n1", "write", "5", "5 10") + op("n1", "write", "6", "6 9") + op("n1", "read", "null", "5 10"), want: Invalid, anomalies: "write-went-back"},
		{name: "a write before what was read", text: op("n1", "read", "null", "5 10") + op("n1", "write", "6", "6 9"), want: Invalid, anomalies: "write-before-read"},
		{name: "increments go back", text: op("n1", "inc", "null", "2") + op("n1", "inc", "null", "2") + op("n1", "read", "null", "2"), want: Invalid, anomalies: "write-went-back"},
		{name: "only what was asked for", text: op("n1", "read", "null", "5") + op("n1", "read", "null", "4"), params: history.Params{"guarantees": "read-your-writes"}, want: Valid},
		{name: "what cannot be judged is not valid", text: op("n1", "write", "5", "5") + op("n1", "read", "null", "5"), params: history.Params{"guarantees": "monotonic-writes"}, want: Unknown, says: "no revision"},
		{name: "no guarantee", text: op("n1", "read", "null", "5"), params: history.Params{"guarantees": "all"}, want: Unknown, says: "expected some of"},
		{name: "one thing each", text: op("n1", "write", "5", "5") + op("n2", "read", "null", "5"), want: Unknown, says: "no session"},
		{name: "nothing was read", text: op("n1", "write", "5", "5") + op("n1", "write", "6", "6"), want: Unknown, says: "no read"},
		{name: "a value that is no number", text: op("n1", "read", "null", "\"x\"") + op("n1", "read", "null", "5"), want: Unknown, says: "index 1: read of \"x\""},
		{name: "a write that is none", text: op("n1", "write", "[1]", "[1]"), want: Unknown, says: "index 0: write of [1]"},
		{name: "no revision where others have one", text: op("n1", "write", "5", "5 10") + op("n1", "read", "null", "5"), want: Unknown, says: "index 3: read of 5 says no revision"},
		{name: "no session", text: op("n1", "cas", "[1,2]", "[1,2]"), want: Unknown, says: "a session has"},
	})
}

// sessionTruth compares each operation of a client with each one before.
func sessionTruth(in Input) truth {
	v := in.History
	revisions := slices.ContainsFunc(v.Calls, func(c history.Call) bool { return c.Type == history.OK && v.Ops[c.Return].Ext != "" })
	version := func(c history.Call) int64 {
		ret := v.Ops[c.Return]
		n, ok := ret.Value.Int()
		if revisions && ret.Ext != "" {
			n, ok = ret.Ext.Int()
		}
		if !ok {
			return -100
		}
		return n
	}
	bad := map[string]bool{}
	reads, again := false, false
	for _, b := range v.Calls {
		if b.Type != history.OK {
			continue
		}
		read := v.Inv(b).F == "read"
		reads = reads || read
		for _, a := range v.Calls {
			if a.Type != history.OK || a.Worker != b.Worker || a.Invoke >= b.Invoke {
				continue
			}
			again = true
			x, y, placed := version(a), version(b), revisions || v.Inv(b).F == "inc"
			switch wrote := v.Inv(a).F != "read"; {
			case read && wrote && y < x:
				bad["own-write-not-read"] = true
			case read && !wrote && y < x:
				bad["read-went-back"] = true
			case !read && wrote && y <= x && placed:
				bad["write-went-back"] = true
			case !read && !wrote && y <= x && placed:
				bad["write-before-read"] = true
			}
		}
	}
	return found(bad, !reads || !again)
}

func drawSessions(r *rand.Rand) Input {
	revisions, now, wrong := r.IntN(2) == 0, int64(0), r.IntN(2) == 0
	v := randomHistory(r, 4+r.IntN(16), world{
		invoke: func() history.Op {
			switch r.IntN(4) {
			case 0:
				return history.Op{F: "write", Value: history.Int(now + r.Int64N(4))}
			case 1:
				return history.Op{F: "inc"}
			}
			return history.Op{F: "read"}
		},
		complete: func(o history.Op) history.Op {
			seen := now
			if wrong && r.IntN(3) == 0 {
				seen = max(0, now-r.Int64N(3))
			}
			switch n, _ := o.Value.Int(); {
			case o.F == "read" && o.Type != history.OK:
			case o.F == "read" && seen == 0:
				return o
			case o.F == "read":
				o.Value = history.Int(seen)
			case o.Type == history.Fail || o.Type == history.Info && r.IntN(2) == 0:
				return o
			case o.F == "inc":
				now++
				seen++
				o.Value = history.Int(seen)
			default:
				now++
				if seen++; !revisions {
					now = max(now, n)
				}
			}
			if revisions {
				o.Ext = history.Int(seen)
				o.Value = history.Int(10 - seen)
			}
			return o
		},
	})
	return Input{History: v}
}

func TestSessionsOracle(t *testing.T) {
	oracle(t, func(m mistake) Checker { return sessionsChecker{m} }, []mistake{
		sessionsOfAll, sessionsLastOnly, sessionsUnknown, sessionsFailed, sessionsNilIsNewest, sessionsByValue, sessionsWithoutRYW, sessionsWithoutMR,
		sessionsWithoutMW, sessionsWithoutWFR, sessionsSameIsOlder, sessionsWriteRepeats,
	}, drawSessions, sessionTruth)
}
