package judge

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// canary lets a checker that said valid, and that can plant, judge a small part of the history with one violation planted
// in it. A checker that does not see that one has seen nothing: what it called valid becomes unknown. The draws come from
// the run's seed and the checker's name, so that the same folder gives the same answer.
func canary(ctx context.Context, name string, c checker.Checker, in input, r checker.Result) checker.Result {
	p, can := c.(checker.Planter)
	if r.Verdict != checker.Valid || !can {
		return r
	}
	facts := map[string]any{}
	for k, v := range r.Facts {
		facts[k] = v
	}
	r.Facts = facts
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	ops, ok := p.Plant(in.History, rand.New(rand.NewPCG(in.seed, h.Sum64())))
	if !ok {
		facts["canary"] = "nothing to plant a violation in"
		return r
	}
	v, err := history.NewView(ops)
	if err != nil {
		return blind(r, fmt.Sprintf("what was planted is no history: %v", err))
	}
	with := in.Input
	with.History = v
	switch got := c.Check(ctx, with); {
	case got.Verdict == checker.Invalid:
		facts["canary"] = "caught"
		return r
	case ctx.Err() != nil:
		return blind(r, "the time was up before it was judged")
	default:
		return blind(r, fmt.Sprintf("a violation that was planted into %d events of this history was called %s", len(ops), got.Verdict))
	}
}

// blind takes a valid back.
func blind(r checker.Result, why string) checker.Result {
	r.Facts["canary"] = "not caught"
	r.Verdict, r.Reason = checker.Unknown, "canary: "+why+": so this checker's valid says nothing"
	return r
}
