package checker

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// tokenRules judges the fencing tokens of a lock.
func (l *lockHistory) tokenRules() (as []Anomaly) {
	say := func(name, format string, pairs [][2]tokened, without mistake) {
		if len(pairs) > 0 && l.without != without {
			as = append(as, l.tokens(name, format, pairs))
		}
	}
	say("token-went-back", "%s that was not newer than one given before: %s got %d after %s had got %d",
		overtaken(l.acquires, l.without == lockOpenTokens), lockWithoutTokens)
	say("token-reused", "%s that somebody else had got: %s got %d, and so had %s (%d)", l.reused(), lockWithoutReuse)
	say("stale-holder-write", "%s with an older token after one with a newer: %s wrote with %d after %s had written with %d",
		overtaken(l.writes, false), lockWithoutFence)
	return as
}

// overtaken gives each call that began after one with a higher token had ended, with the highest such.
func overtaken(cs []tokened, whileOpen bool) (pairs [][2]tokened) {
	ended := func(c tokened) int {
		if c.call.Return < 0 {
			return c.call.Invoke
		}
		return c.call.Return
	}
	began := func(c tokened) int {
		if whileOpen {
			return ended(c)
		}
		return c.call.Invoke
	}
	byEnd := slices.SortedFunc(slices.Values(cs), func(a, b tokened) int { return cmp.Compare(ended(a), ended(b)) })
	byBegin := slices.SortedFunc(slices.Values(cs), func(a, b tokened) int { return cmp.Compare(began(a), began(b)) })
	var highest *tokened
	next := 0
	for _, c := range byBegin {
		for ; next < len(byEnd) && ended(byEnd[next]) < began(c); next++ {
			if highest == nil || byEnd[next].token > highest.token {
				highest = &byEnd[next]
			}
		}
		if highest != nil && highest.token > c.token {
			pairs = append(pairs, [2]tokened{*highest, c})
		}
	}
	return pairs
}

// reused gives each acquire with a token that another had, but for one of a client that held the lock already.
func (l *lockHistory) reused() (pairs [][2]tokened) {
	first := map[int64]tokened{}
	for _, c := range l.acquires {
		f, seen := first[c.token]
		switch {
		case !seen:
			first[c.token] = c
		case !l.again[c.call.Invoke] || f.call.Worker != c.call.Worker:
			pairs = append(pairs, [2]tokened{f, c})
		}
	}
	return pairs
}

// tokenData is the Data of an anomaly of tokens.
type tokenData struct {
	Count int `json:"count"`
	Exhibit
}

// tokens shows the pair that is furthest apart.
func (l *lockHistory) tokens(name, format string, pairs [][2]tokened) Anomaly {
	w := slices.MaxFunc(pairs, func(a, b [2]tokened) int { return cmp.Compare(a[0].token-a[1].token, b[0].token-b[1].token) })
	calls := []history.Call{w[0].call, w[1].call}
	what := "token"
	if name == "stale-holder-write" {
		what = "write"
	}
	return Anomaly{
		Name: name, Ops: Events(l.view, calls...),
		Text: fmt.Sprintf(format, count(len(pairs), what), Who(l.view.Inv(w[1].call)), w[1].token, Who(l.view.Inv(w[0].call)), w[0].token),
		Data: tokenData{len(pairs), exhibit(l.view, calls, "whoever gets the lock later has the higher token", func(c history.Call) string {
			t := w[0].token
			if c.Invoke == w[1].call.Invoke {
				t = w[1].token
			}
			return fmt.Sprintf("token %d", t)
		})},
	}
}
