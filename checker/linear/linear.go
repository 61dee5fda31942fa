package linear

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// detailed is how many violated keys are described; the others are counted.
const detailed = 20

// kept is up to how many keys a history may have for the taken-apart keys to be kept until they are described.
const kept = 64

// object is one key's history taken apart for one model.
type object interface {
	operations() int
	// decide says whether there is an order that explains the operations.
	decide(ctx context.Context) decision
	// describe gives the anomaly of a key that decide called violated.
	describe(ctx context.Context) checker.Anomaly
}

// decision is what is known about one key.
type decision struct {
	answer answer
	by     string        // the algorithm that decided
	reason string        // why nothing was decided
	bad    error         // an operation that no such object has
	name   string        // of the violation, as far as it is known without describing it
	since  time.Duration // how stale it is
	stale  staleness
}

// model is one kind of object, by the name of its checker.
type model struct {
	// take takes the calls of one key apart. Its error says which operation no such object has.
	take func(v *history.View, key string, p history.Params, o options) (object, error)
}

// options are for tests: they break a rule, or leave out what would hide the rest.
type options struct {
	mutation mutation
	only     string // the one algorithm that may decide; "" for the dispatcher
}

// keyed is the checker of a model: each key is an object of its own.
type keyed struct {
	model
	options
}

// Check judges every key of the history.
func (c keyed) Check(ctx context.Context, in checker.Input) checker.Result {
	keys := in.History.Keys()
	if len(keys) == 0 {
		return checker.Result{Reason: "the history has no operation of a client"}
	}
	ds := make([]decision, len(keys))
	objects := make([]object, len(keys))
	ops := make([]int, len(keys))
	c.each(len(keys), func(i int) {
		o, err := c.take(in.History, keys[i], in.Params, c.options)
		if err != nil {
			ds[i] = decision{reason: err.Error(), bad: err}
			return
		}
		ops[i], ds[i] = o.operations(), o.decide(ctx)
		if ds[i].answer == gaveUp && ds[i].reason == "" {
			ds[i].reason = fmt.Sprintf("key %q (%d operations) needs more search than the budget of a key", keys[i], ops[i])
			if ctx.Err() != nil {
				ds[i].reason = fmt.Sprintf("the time was up before key %q (%d operations) was decided", keys[i], ops[i])
			}
		}
		if ds[i].answer == violated && len(keys) <= kept {
			objects[i] = o
		}
	})
	var bad []int
	for i, d := range ds {
		if d.answer == violated {
			bad = append(bad, i)
		}
	}
	slices.SortStableFunc(bad, func(a, b int) int { return worse(ds[a].name, ds[a].since, ds[b].name, ds[b].since) })
	bad = bad[:min(len(bad), detailed)]
	anomalies := make([]checker.Anomaly, len(bad))
	c.each(len(bad), func(n int) {
		i := bad[n]
		o := objects[i]
		if o == nil {
			o, _ = c.take(in.History, keys[i], in.Params, c.options)
			o.decide(ctx)
		}
		anomalies[n] = o.describe(ctx)
		anomalies[n].Key = keys[i]
		anomalies[n].RulesOut = checker.RulesOut(anomalies[n].Name)
	})
	return result(ds, ops, anomalies)
}

// each calls f for the numbers below n, several at a time.
func (c keyed) each(n int, f func(int)) {
	workers := min(runtime.GOMAXPROCS(0), 8, n)
	if workers < 2 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var g errgroup.Group
	for range workers {
		g.Go(func() error {
			for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
				f(int(i))
			}
			return nil
		})
	}
	_ = g.Wait() // the functions give no errors
}

// result puts the keys' answers together.
func result(ds []decision, ops []int, anomalies []checker.Anomaly) checker.Result {
	out := checker.Result{Verdict: checker.Valid, Anomalies: anomalies}
	var bad, undecided, total, longest, stale int
	var oldest time.Duration
	var first string
	by := map[string]int{}
	for i, d := range ds {
		total += ops[i]
		longest = max(longest, ops[i])
		stale += d.stale.reads
		oldest = max(oldest, d.stale.longest)
		switch d.answer {
		case violated:
			bad++
		case gaveUp:
			undecided++
			if m := (*checker.Malformed)(nil); out.Malformed == nil && errors.As(d.bad, &m) {
				out.Malformed = m
			}
			if first == "" {
				first = d.reason
			}
		}
		if d.by != "" {
			by[d.by]++
		}
	}
	out.Facts = map[string]any{
		"algorithm": algorithms(by), "keys": len(ds), "operations": total, "longest key": longest,
		"keys not linearizable": bad, "keys undecided": undecided, "stale reads": stale,
	}
	if stale > 0 {
		out.Facts["stalest read (seconds)"] = oldest.Seconds()
	}
	var say []string
	if bad > 0 {
		out.Verdict = checker.Invalid
		say = append(say, fmt.Sprintf("%d of %d keys cannot be explained by any order of their operations", bad, len(ds)))
	}
	if undecided > 0 {
		out.Verdict = checker.Merge(out.Verdict, checker.Unknown)
		say = append(say, fmt.Sprintf("%d of %d keys are undecided: %s", undecided, len(ds), first))
	}
	if total == 0 && out.Verdict == checker.Valid {
		out.Verdict = checker.Unknown
		say = append(say, "no operation succeeded: there is nothing to judge")
	}
	out.Reason = strings.Join(say, "; ")
	return out
}

// algorithms says which algorithm decided how many keys.
func algorithms(by map[string]int) string {
	var say []string
	for _, name := range slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(by[b]-by[a], cmp.Compare(a, b)) }) {
		keys := "keys"
		if by[name] == 1 {
			keys = "key"
		}
		say = append(say, fmt.Sprintf("%s (%d %s)", name, by[name], keys))
	}
	if len(say) == 0 {
		return "none decided"
	}
	return strings.Join(say, ", ")
}
