package txn

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// serialHistory is what a few clients see of a database that does one transaction after another.
func serialHistory(t *testing.T, r *rand.Rand, n int, writes string) *history.View {
	t.Helper()
	w := world{}
	var ops []history.Op
	for i := range n {
		var mops []history.Mop
		for j := range 1 + r.IntN(4) {
			m := history.Mop{F: "r", Key: string(rune('a' + r.IntN(5) + i/100*5))}
			if r.IntN(2) == 0 {
				m.F, m.Value = writes, history.Int(int64(10*i+j))
			}
			mops = append(mops, m)
		}
		inv := history.Op{Index: int64(2 * i), Process: int32(i % 5), Type: history.Invoke, F: "txn", Value: history.Txn(mops)}
		for j, m := range mops {
			if m.F == "r" {
				mops[j].Value = history.Value(w[m.Key])
			}
			btx{mops: mops[j : j+1]}.run(w)
		}
		ok := inv
		ok.Index, ok.Type, ok.Value = inv.Index+1, history.OK, history.Txn(mops)
		ops = append(ops, inv, ok)
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// What is planted into a good history is seen, under every model that people ask for, and there is not more of it than a little.
func TestCanaries(t *testing.T) {
	for writes, c := range map[string]checker.Checker{"append": ListAppend().Checker, "w": RWRegister().Checker} {
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 9))
			v := serialHistory(t, r, 600, writes)
			if res := c.Check(context.Background(), checker.Input{History: v}); res.Verdict != checker.Valid {
				t.Fatalf("%s, seed %d: %s %s before anything was planted", writes, seed, res.Verdict, res.Reason)
			}
			ops, ok := c.(checker.Planter).Plant(v, r)
			if !ok || len(ops) > 2*plantCalls {
				t.Fatalf("%s, seed %d: planted %t in %d events", writes, seed, ok, len(ops))
			}
			planted, err := history.NewView(ops)
			if err != nil {
				t.Fatal(err)
			}
			for _, model := range []string{"read-committed", "snapshot-isolation", "serializable", "strict-serializable"} {
				if res := c.Check(context.Background(), checker.Input{History: planted, Params: history.Params{"consistency": model}}); res.Verdict != checker.Invalid {
					t.Errorf("%s, seed %d, %s: what was planted was not seen: %s %s", writes, seed, model, res.Verdict, res.Reason)
				}
			}
		}
	}
}

// Where there is nothing to plant in, nothing is planted.
func TestNoCanaryInNothing(t *testing.T) {
	v := story(t, `- 0 append x 1`)
	if _, ok := ListAppend().Checker.(checker.Planter).Plant(v, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("planted into a history without reads")
	}
	empty, err := history.NewView(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ListAppend().Checker.(checker.Planter).Plant(empty, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("planted into an empty history")
	}
}
