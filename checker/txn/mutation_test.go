package txn

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// Each rule is left out once, and the definitions must notice: a history is accused that is right, or passes that is
// wrong, or loses the name of its anomaly.
func TestEveryRuleIsNeeded(t *testing.T) {
	t.Run("list-append", func(t *testing.T) {
		for _, m := range []mistake{
			"no-ww", "no-wr", "no-rw", "no-unseen-ww", "no-unseen-rw", "no-info", "no-G1a", "no-G1b", "no-internal", "no-future-read", "no-lost-update",
			"no-dirty-update", "no-realtime", "unseen-info", "no-process", "no-own-order", "no-sighting",
		} {
			noticed(t, m, false, listAppend{}, listAppend{mistake: m})
		}
	})
	t.Run("rw-register", func(t *testing.T) {
		for _, m := range []mistake{
			"no-ww", "no-wr", "no-rw", "no-initial", "no-info", "unseen-info", "failed-writes", "no-G1a", "no-G1b", "no-internal", "no-future-read",
			"no-lost-update", "no-realtime", "no-process", "no-wfr", "no-zones", "no-sighting",
		} {
			noticed(t, m, true, rwRegister{}, rwRegister{mistake: m})
		}
	})
	t.Run("rw-register takes no more than the model grants", func(t *testing.T) {
		noticed(t, "greedy", true, rwRegister{}, rwRegister{mistake: "greedy"})
	})
}

// noticed looks for a history about which the checker with the mistake contradicts the definition; or, for rules that only
// give a name to what is wrong in several ways, loses a name.
func noticed(t *testing.T, m mistake, register bool, good, bad checker.Checker) {
	t.Helper()
	renamed := -1
	for i := range 20_000 {
		v, complete := randomTxns(rand.New(rand.NewPCG(17, uint64(i))), register)
		model := definitions[i%len(definitions)]
		in := checker.Input{History: v, Params: history.Params{"consistency": model.model}}
		r, w := good.Check(context.Background(), in), bad.Check(context.Background(), in)
		if r.Verdict == w.Verdict && slices.Equal(names(r), names(w)) {
			continue
		}
		holds := model.holds(bruteTxns(v))
		var a, b tally
		if what := a.compare(good, v, model.model, complete, holds); what != "" {
			t.Fatalf("the checker itself is wrong about history %d: %s", i, what)
		}
		// A miss counts even where the checker may miss: here the one without the mistake does not.
		if b.compare(bad, v, model.model, complete, holds) != "" || b.missed > a.missed {
			t.Logf("%s: history %d contradicts the definition", m, i)
			return
		}
		if renamed < 0 {
			renamed = i
		}
		if i > renamed+2000 {
			break
		}
	}
	if renamed < 0 {
		t.Errorf("nothing shows that the rule %s is needed", m)
		return
	}
	t.Logf("%s: history %d has another name", m, renamed)
}
