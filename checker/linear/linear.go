package linear

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// detailed is how many violated keys are described; the others are counted.
const detailed = 20

// Register is the checker of registers: each key is one, with read, write and cas.
func Register() checker.Spec {
	return checker.Spec{
		Name:    "linearizable-register",
		Doc:     "each key is one linearizable register with read, write and cas; --param initial=VALUE is what it holds before the first write (default null)",
		Checker: registerChecker{},
	}
}

// CasRegister is Register under the name that Jepsen's users look for.
func CasRegister() checker.Spec {
	return checker.Spec{Name: "linearizable-cas-register", Doc: "the same as linearizable-register", Checker: registerChecker{}}
}

type registerChecker struct {
	mutation  mutation
	onlyRules bool // what the search would find is left out; for tests of the rules
	noRules   bool // and the other way round
}

// keyResult is what was found out about one key.
type keyResult struct {
	answer  answer
	reason  string
	bad     error // an operation that no register has
	finding *finding
	stale   staleness
	ops     int
	reg     *register
}

// Check judges every key of the history.
func (c registerChecker) Check(ctx context.Context, in checker.Input) checker.Result {
	v := in.History
	keys := v.Keys()
	if len(keys) == 0 {
		return checker.Result{Reason: "the history has no operation of a client"}
	}
	initial := history.Value(in.Params.String("initial", ""))
	results := make([]keyResult, len(keys))
	var g errgroup.Group
	g.SetLimit(min(runtime.GOMAXPROCS(0), 8))
	var mu sync.Mutex
	shown := 0
	for i, key := range keys {
		g.Go(func() error {
			r := c.key(ctx, v, key, initial)
			if r.answer == violated && r.finding == nil {
				mu.Lock()
				shown++
				describe := shown <= detailed
				mu.Unlock()
				if describe {
					r.finding = &finding{name: "nonlinearizable", ops: shrink(ctx, r.reg.ops, len(r.reg.values))}
				}
			}
			results[i] = r
			return nil
		})
	}
	_ = g.Wait() // the functions give no errors
	return c.result(v, keys, results)
}

// key judges one key.
func (c registerChecker) key(ctx context.Context, v *history.View, key string, initial history.Value) keyResult {
	reg, err := newRegister(v, key, initial, c.mutation)
	if err != nil {
		return keyResult{reason: err.Error(), bad: err}
	}
	r := keyResult{reg: reg, ops: len(reg.ops)}
	if !c.noRules {
		r.finding, r.stale = reg.rules(c.mutation)
	}
	switch {
	case r.finding != nil:
		r.answer = violated
		return r
	case c.onlyRules:
		r.answer = linearizable
		return r
	}
	if r.answer = search(ctx, reg.ops, keyBudget(), c.mutation); r.answer == gaveUp {
		r.reason = fmt.Sprintf("key %q (%d operations) needs more search than the budget of a key", key, r.ops)
		if ctx.Err() != nil {
			r.reason = fmt.Sprintf("the time was up before key %q (%d operations) was decided", key, r.ops)
		}
	}
	return r
}

// result puts the keys' answers together.
func (c registerChecker) result(v *history.View, keys []string, rs []keyResult) checker.Result {
	out := checker.Result{Verdict: checker.Valid}
	var bad, undecided, ops, longest, stale int
	var oldest time.Duration
	var first string
	var found []int // keys with a finding
	for i, r := range rs {
		ops += r.ops
		longest = max(longest, r.ops)
		stale += r.stale.reads
		oldest = max(oldest, r.stale.longest)
		switch r.answer {
		case violated:
			bad++
			if r.finding != nil {
				found = append(found, i)
			}
		case gaveUp:
			undecided++
			if m := (*checker.Malformed)(nil); out.Malformed == nil && errors.As(r.bad, &m) {
				out.Malformed = m
			}
			if first == "" {
				first = r.reason
			}
		}
	}
	slices.SortStableFunc(found, func(a, b int) int { return worse(*rs[a].finding, *rs[b].finding) })
	for _, i := range found[:min(len(found), detailed)] {
		out.Anomalies = append(out.Anomalies, rs[i].reg.anomaly(keys[i], *rs[i].finding))
	}
	out.Facts = map[string]any{
		"algorithm": "exact rules, then porcupine", "keys": len(keys), "operations": ops, "longest key": longest,
		"keys not linearizable": bad, "keys undecided": undecided, "stale reads": stale,
	}
	if stale > 0 {
		out.Facts["stalest read (seconds)"] = oldest.Seconds()
	}
	var say []string
	if bad > 0 {
		out.Verdict = checker.Invalid
		say = append(say, fmt.Sprintf("%d of %d keys cannot be explained by any order of their operations", bad, len(keys)))
	}
	if undecided > 0 {
		out.Verdict = checker.Merge(out.Verdict, checker.Unknown)
		say = append(say, fmt.Sprintf("%d of %d keys are undecided: %s", undecided, len(keys), first))
	}
	if ops == 0 && out.Verdict == checker.Valid {
		out.Verdict = checker.Unknown
		say = append(say, "no operation on a register succeeded: there is nothing to judge")
	}
	out.Reason = strings.Join(say, "; ")
	return out
}
