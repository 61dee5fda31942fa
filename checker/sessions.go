package checker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// Sessions is the checker of what a client (a process of the history) may expect of its own operations on one object, however
// stale all others see it: the four session guarantees of Terry et al., "Session Guarantees for Weakly Consistent
// Replicated Data", PDIS 1994. A client sees what it wrote (read-your-writes) and never something older than it saw before
// (monotonic-reads); its writes take place in its order (monotonic-writes) and behind what it had read
// (writes-follow-reads).
//
// Versions tell what is older: the whole number that the database says beside an answer (ext: a revision); for a key without
// any, the value itself, which then must be a whole number that only grows: write n makes it n at least, inc answers what it
// became. A read of nothing is older than everything.
func Sessions() Spec {
	return Spec{"sessions", "each client sees its own writes, and never something older than before (read, write, inc of what grows, or with a revision in ext); --param guarantees=a,b chooses among read-your-writes, monotonic-reads, monotonic-writes, writes-follow-reads", sessionsChecker{}}
}

// What a test may leave out of the rules.
const (
	sessionsOfAll        mistake = "all clients are one session"
	sessionsLastOnly     mistake = "only the operation before counts"
	sessionsUnknown      mistake = "a write of unknown outcome must be seen"
	sessionsFailed       mistake = "a write that failed must be seen"
	sessionsNilIsNewest  mistake = "a read of nothing is no older than anything"
	sessionsByValue      mistake = "values tell what is older, whatever the revisions"
	sessionsWithoutRYW   mistake = "a client need not see its writes"
	sessionsWithoutMR    mistake = "reads may go back"
	sessionsWithoutMW    mistake = "writes may go back"
	sessionsWithoutWFR   mistake = "a write may come before what was read"
	sessionsSameIsOlder  mistake = "to read the same again is to go back"
	sessionsWriteRepeats mistake = "two writes may have one version"
)

type sessionsChecker struct{ without mistake }

// guarantees are the four, in the order in which they are named, with the anomalies that break them.
var guarantees = []struct{ name, anomaly, words string }{
	{"read-your-writes", "own-write-not-read", "older than what the same client had written"},
	{"monotonic-reads", "read-went-back", "older than what the same client had read"},
	{"monotonic-writes", "write-went-back", "that took place before an earlier write of the same client"},
	{"writes-follow-reads", "write-before-read", "that took place before what the same client had read"},
}

// sessionCounts are the figures of a history.
type sessionCounts struct {
	reads, writes, again int
	unversioned          bool // there are writes of which nobody knows when they took place
}

// Check judges each client's operations on each key.
func (k sessionsChecker) Check(ctx context.Context, in Input) Result {
	asked := map[string]bool{}
	for name := range strings.SplitSeq(in.Params.String("guarantees", "read-your-writes,monotonic-reads,monotonic-writes,writes-follow-reads"), ",") {
		asked[name] = true
	}
	known := 0
	for _, g := range guarantees {
		if asked[g.name] {
			known++
		}
	}
	if known != len(asked) {
		return Result{Reason: fmt.Sprintf("parameter guarantees=%q: expected some of read-your-writes, monotonic-reads, monotonic-writes, writes-follow-reads, with commas between them", in.Params["guarantees"])}
	}
	var t sessionCounts
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) { return k.judge(in.History, in.History.CallsOf(key), asked, &t) })
	out.needs(t.reads > 0, "no read succeeded: there is nothing that a client could have seen")
	out.needs(t.again > 0, "no client did two things with one object: there is no session to judge")
	out.Facts = map[string]any{"algorithm": "one pass", "reads in sessions": t.reads, "writes in sessions": t.writes, "operations after another of the same client": t.again}
	if t.unversioned {
		out.Facts["not searched"] = "the order of writes without a revision (ext): monotonic-writes and writes-follow-reads were judged only of those that have one"
		if !asked["read-your-writes"] && !asked["monotonic-reads"] && out.Verdict == Valid {
			out.Verdict, out.Reason = Unknown, "writes have no revision (ext), so that nobody knows in which order they took place"
		}
	}
	return out
}

// nothing is the version of an object that is not there.
const nothing = math.MinInt64

// version is what an operation saw or made.
type version struct {
	call  history.Call
	n     int64
	known bool
}

// session is what a client saw and made last, and newest.
type session struct{ read, wrote version }

// badSession is an operation that is behind an earlier one of the same client.
type badSession struct {
	Index  int64 `json:"index"` // of its completion
	Has    int64 `json:"has"`
	Before int64 `json:"before"`
	call   history.Call
	first  history.Call
}

func (k sessionsChecker) judge(v *history.View, calls []int, asked map[string]bool, t *sessionCounts) ([]Anomaly, error) {
	revisions := false
	for _, i := range calls {
		if c := v.Calls[i]; c.Type == history.OK {
			if _, ok := v.Ops[c.Return].Ext.Int(); ok && k.without != sessionsByValue {
				revisions = true
				break
			}
		}
	}
	sessions := map[int32]*session{}
	bad := make([]extremes[badSession], len(guarantees))
	var doubt error
	for _, i := range calls {
		c := v.Calls[i]
		x, read, orders, err := k.version(v, c, revisions)
		if err != nil {
			if m := (*Malformed)(nil); errors.As(err, &m) && m.Index == v.Ops[c.Invoke].Index {
				return nil, err
			}
			if doubt == nil {
				doubt = err
			}
		}
		if !x.known {
			continue
		}
		who := c.Worker
		if k.without == sessionsOfAll {
			who = 0
		}
		s := sessions[who]
		if s == nil {
			s = &session{}
			sessions[who] = s
		} else {
			t.again++
		}
		behind := func(g int, before version, equal bool) {
			if asked[guarantees[g].name] && before.known && (x.n < before.n || equal && x.n == before.n) {
				ret, _ := v.Ret(c) // also of an operation whose end nobody knows, which only a mistake counts
				bad[g].add(badSession{ret.Index, x.n, before.n, c, before.call}, distance(before.n, x.n))
			}
		}
		if read {
			t.reads++
			if k.without != sessionsWithoutRYW {
				behind(0, s.wrote, false)
			}
			if k.without != sessionsWithoutMR {
				behind(1, s.read, k.without == sessionsSameIsOlder)
			}
			if !s.read.known || x.n > s.read.n || k.without == sessionsLastOnly {
				s.read = x
			}
			continue
		}
		t.writes++
		if orders {
			if k.without != sessionsWithoutMW {
				behind(2, s.wrote, k.without != sessionsWriteRepeats)
			}
			if k.without != sessionsWithoutWFR {
				behind(3, s.read, true)
			}
		} else {
			t.unversioned = true
		}
		if !s.wrote.known || x.n > s.wrote.n || k.without == sessionsLastOnly {
			s.wrote = x
		}
	}
	var as []Anomaly
	for g := range bad {
		if bad[g].Count > 0 {
			as = append(as, sessionAnomaly(v, g, &bad[g]))
		}
	}
	return as, doubt
}

// distance is how far a version is behind another one.
func distance(from, to int64) int64 {
	if to == nothing {
		return math.MaxInt64
	}
	return int64(min(uint64(from)-uint64(to), math.MaxInt64-1))
}

// version gives the version of an operation that succeeded, whether it is a read, and whether its version says when it took place.
func (k sessionsChecker) version(v *history.View, c history.Call, revisions bool) (x version, read, orders bool, err error) {
	inv := &v.Ops[c.Invoke]
	switch inv.F {
	case "read", "write", "inc":
	default:
		return x, false, false, malformed(inv.Index, "operation %q: a session has read, write and inc", inv.F)
	}
	read = inv.F == "read"
	ret, ended := v.Ret(c)
	if !ended || c.Type != history.OK && (read || c.Type == history.Info && k.without != sessionsUnknown || c.Type == history.Fail && k.without != sessionsFailed) {
		return x, read, false, nil
	}
	x.call, x.known = c, true
	value := ret.Value
	if inv.F == "write" {
		value = inv.Value
	}
	switch n, ok := ret.Ext.Int(); {
	case revisions && ok:
		x.n, orders = n, !read
	case read && value.IsNil():
		x.n, x.known = nothing, k.without != sessionsNilIsNewest
	case revisions && c.Type == history.OK:
		return version{}, read, false, malformed(ret.Index, "%s of %s says no revision: expected a whole number beside it (ext), as with others of this key", inv.F, Show(value))
	default:
		if x.n, ok = value.Int(); !ok {
			index := ret.Index
			if inv.F == "write" {
				index = inv.Index
			}
			return version{}, read, false, malformed(index, "%s of %s: expected a whole number that only grows, or a revision beside it (ext)", inv.F, Show(value))
		}
		orders = inv.F == "inc"
	}
	return x, read, orders, nil
}

// sessionData is the Data of a broken session guarantee.
type sessionData struct {
	*extremes[badSession]
	Guarantee string `json:"guarantee"`
	Exhibit
}

func sessionAnomaly(v *history.View, g int, e *extremes[badSession]) Anomaly {
	calls := []history.Call{e.Worst.first, e.Worst.call}
	says := func(n int64) string {
		if n == nothing {
			return "nothing at all"
		}
		return fmt.Sprintf("version %d", n)
	}
	kind := "read"
	if g >= 2 {
		kind = "write"
	}
	slices.SortFunc(calls, func(a, b history.Call) int { return a.Invoke - b.Invoke })
	return Anomaly{
		Name: guarantees[g].anomaly, Ops: Events(v, calls...),
		Text: fmt.Sprintf("%s %s: the worst (%s) had %s after %s", count(e.Count, kind), guarantees[g].words, Who(v.Inv(e.Worst.call)), says(e.Worst.Has), says(e.Worst.Before)),
		Data: sessionData{e, guarantees[g].name, exhibit(v, calls, "a client that knows a version of an object never gets behind it", func(c history.Call) string {
			if c.Invoke == e.Worst.call.Invoke {
				return says(e.Worst.Has)
			}
			return says(e.Worst.Before)
		})},
	}
}
