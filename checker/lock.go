package checker

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// Lock is the checker of locks (acquire, release, and write of [token, value] under the lock), by what is certain. A
// client certainly holds a lock from the moment it was told so until it asks for its release, or for something whose end
// nobody knows, after which it is gone; or until a write of it was refused. No two clients may hold one lock at once.
//
// A lock with a lease cannot promise that: while a client is slow or cut off its lease ends, and the next one gets the
// lock. What makes it safe is a fencing token, a number that the lock gives with each acquire (its ext) and that whatever
// it protects checks (Kleppmann, How to do distributed locking, 2016). With --param fencing=true two holders are counted
// and not accused, and instead something must have been written under the lock. In any case tokens grow, and no write
// with an older token begins after one with a newer has succeeded, and succeeds.
func Lock() Spec {
	return Spec{"lock", "a lock (acquire, release, write under it) never has two holders, or with --param fencing=true only the newest writes; fencing tokens grow", lockChecker{}}
}

// What a test may leave out of the rules.
const (
	lockWithoutHolders mistake = "two may hold a lock"
	lockWithoutTokens  mistake = "tokens need not grow"
	lockWithoutReuse   mistake = "two may have one token"
	lockWithoutFence   mistake = "an older token may write"
	lockUntilReleased  mistake = "a lock is held until its release returned"
	lockFromInvoke     mistake = "a lock is held from the call of its acquire"
	lockOfTheLost      mistake = "a client of which nobody knows anything holds on"
	lockOfTheRefused   mistake = "a client whose write was refused holds on"
	lockOpenTokens     mistake = "a token must be newer than those given while it was asked for"
	lockUnknownWrites  mistake = "a write that may have failed counts as newer"
)

type lockChecker struct{ without mistake }

// hold is a time during which a client certainly holds a lock, by positions in the history.
type hold struct {
	acquire  history.Call
	end      *history.Call // what ended it, nil for the end of the history
	from, to int
}

// tokened is a call with its fencing token.
type tokened struct {
	call  history.Call
	token int64
}

// lockHistory is one lock.
type lockHistory struct {
	lockChecker
	view     *history.View
	holds    []hold // in the order of their beginnings
	acquires []tokened
	writes   []tokened // that succeeded
	refused  int
	again    map[int]bool // acquires, by invocation, of a client that held the lock already
}

// lockCounts are the figures of all locks of a history.
type lockCounts struct{ acquired, tokens, writes, refused, overlaps, clients int }

// Check judges each key as a lock of its own.
func (k lockChecker) Check(ctx context.Context, in Input) Result {
	fencing, err := in.Params.Bool("fencing", false)
	if err != nil {
		return Result{Reason: err.Error()}
	}
	lost := lostProcesses(in.History)
	var t lockCounts
	out := eachKey(ctx, in, func(key string) ([]Anomaly, error) {
		l, reason := k.split(in.History, key, lost)
		if reason != nil {
			return nil, reason
		}
		return l.judge(fencing, &t), nil
	})
	out.needs(t.acquired > 0, "no lock was ever acquired")
	out.needs(t.clients > 1, "no lock was acquired by two clients: nobody could have been kept waiting")
	if fencing {
		out.needs(t.tokens > 0, "no acquire gave a fencing token")
		out.needs(t.writes > 0, "nothing was written under a lock, so that no token was ever checked")
	}
	out.Facts = map[string]any{
		"algorithm": "one pass", "locks acquired": t.acquired, "with a token": t.tokens, "acquired while held": t.overlaps,
		"writes": t.writes, "writes refused": t.refused, "most clients of a lock": t.clients,
	}
	return out
}

// lostProcesses gives for each process of which nobody knows how its last operation ended where that was invoked.
func lostProcesses(v *history.View) map[int32]*history.Call {
	lost := map[int32]*history.Call{}
	for i, c := range v.Calls {
		if c.Type == history.Info {
			lost[c.Worker] = &v.Calls[i]
		}
	}
	return lost
}

// split takes one lock apart.
func (k lockChecker) split(v *history.View, key string, lost map[int32]*history.Call) (*lockHistory, error) {
	l := &lockHistory{lockChecker: k, view: v, again: map[int]bool{}}
	open := map[int32]int{} // position in holds
	finish := func(c history.Call, at int) {
		if i, ok := open[c.Worker]; ok && at < l.holds[i].to {
			l.holds[i].to, l.holds[i].end = at, &c
		}
		delete(open, c.Worker)
	}
	for _, i := range v.CallsOf(key) {
		c := v.Calls[i]
		inv := v.Inv(c)
		switch inv.F {
		case "acquire":
			if c.Type != history.OK {
				continue
			}
			if token, ok := v.Ops[c.Return].Ext.Int(); ok {
				l.acquires = append(l.acquires, tokened{c, token})
			}
			if _, ok := open[c.Worker]; ok {
				l.again[c.Invoke] = true
				continue
			}
			h := hold{acquire: c, from: c.Return, to: math.MaxInt}
			if k.without == lockFromInvoke {
				h.from = c.Invoke
			}
			if end := lost[c.Worker]; end != nil && k.without != lockOfTheLost {
				h.to, h.end = end.Invoke, end
			}
			open[c.Worker] = len(l.holds)
			l.holds = append(l.holds, h)
		case "release":
			at := c.Invoke
			if k.without == lockUntilReleased && c.Return >= 0 {
				at = c.Return
			}
			finish(c, at)
		case "write":
			pair, _, ok := inv.Value.Pair()
			token, isInt := pair.Int()
			switch {
			case !ok || !isInt:
				return nil, malformed(inv.Index, "write of %s under a lock: expected [token,value]", Show(inv.Value))
			case c.Type == history.OK || c.Type == history.Info && k.without == lockUnknownWrites:
				l.writes = append(l.writes, tokened{c, token})
			case c.Type == history.Fail:
				if l.refused++; k.without != lockOfTheRefused {
					finish(c, c.Invoke)
				}
			}
		default:
			return nil, malformed(inv.Index, "operation %q: a lock has acquire, release and write", inv.F)
		}
	}
	slices.SortFunc(l.holds, func(a, b hold) int { return cmp.Compare(a.from, b.from) })
	return l, nil
}

func (l *lockHistory) judge(fencing bool, t *lockCounts) []Anomaly {
	clients := map[int32]bool{}
	for _, h := range l.holds {
		clients[h.acquire.Worker] = true
	}
	t.clients = max(t.clients, len(clients))
	t.acquired += len(l.holds) + len(l.again)
	t.tokens += len(l.acquires)
	t.writes += len(l.writes)
	t.refused += l.refused
	var as []Anomaly
	both := l.together()
	t.overlaps += both.Count
	if both.Count > 0 && !fencing && l.without != lockWithoutHolders {
		as = append(as, l.twoHolders(&both))
	}
	return append(as, l.tokenRules()...)
}

// overlap is a time during which two clients certainly hold the lock.
type overlap struct {
	Seconds float64 `json:"seconds"`
	first   hold    // who had it
	second  hold    // who got it, too
}

// together finds each acquire of a lock that somebody else certainly held. It suffices to look at the hold that lasts
// longest of all that began before, for one client does not hold a lock twice at once.
func (l *lockHistory) together() (e extremes[overlap]) {
	if len(l.holds) == 0 {
		return e
	}
	longest := l.holds[0]
	for _, h := range l.holds[1:] {
		if h.from < longest.to {
			d := l.when(min(h.to, longest.to)) - l.when(h.from)
			e.add(overlap{seconds(d), longest, h}, int64(d))
		}
		if h.to > longest.to {
			longest = h
		}
	}
	return e
}

// when is the time of a position; of none, that of the last event.
func (l *lockHistory) when(at int) time.Duration { return l.view.Ops[min(at, len(l.view.Ops)-1)].Time }

// lockData is the Data of two holders.
type lockData struct {
	*extremes[overlap]
	Exhibit
}

func (l *lockHistory) twoHolders(e *extremes[overlap]) Anomaly {
	w := e.Worst
	var calls []history.Call
	notes := map[int]string{}
	note := func(c *history.Call, s string) {
		if c == nil {
			return
		}
		if notes[c.Invoke] == "" {
			calls = append(calls, *c)
		}
		notes[c.Invoke] = s
	}
	note(&w.first.acquire, "holds the lock from here")
	note(&w.second.acquire, "holds it, too")
	note(w.first.end, "until here")
	note(w.second.end, "until here")
	slices.SortFunc(calls, func(a, b history.Call) int { return a.Invoke - b.Invoke })
	a, b := l.view.Inv(w.first.acquire), l.view.Inv(w.second.acquire)
	until := "never gave it back"
	if w.first.end != nil {
		until = "did not give it back before " + Took(l.when(w.first.to))
	}
	return Anomaly{
		Name: "two-holders", Ops: Events(l.view, calls...),
		Text: fmt.Sprintf("%s while another client held the lock: in the longest case %s got it at %s of the run, and %s, which had it since %s, %s: two holders for %s",
			count(e.Count, "acquire"), Who(b), Took(l.when(w.second.from)), Who(a), Took(l.when(w.first.from)), until,
			Took(time.Duration(w.Seconds*float64(time.Second)))),
		Data: lockData{e, exhibit(l.view, calls, "a lock has one holder at a time", func(c history.Call) string { return notes[c.Invoke] })},
	}
}
