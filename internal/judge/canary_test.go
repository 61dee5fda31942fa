package judge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// planter is a register checker that can be made bad: what it says of a history, or of the canary, is put in its way.
type planter struct {
	check func(context.Context, checker.Input) checker.Result
	plant func(*history.View, *rand.Rand) ([]history.Op, bool)
}

func (p planter) Check(ctx context.Context, in checker.Input) checker.Result {
	if p.check != nil {
		return p.check(ctx, in)
	}
	return linear.Register().Checker.Check(ctx, in)
}

func (p planter) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	if p.plant != nil {
		return p.plant(v, r)
	}
	return linear.Register().Checker.(checker.Planter).Plant(v, r)
}

// register is a good history of one register: n writes, each read.
func register(t *testing.T, n int) *history.View {
	t.Helper()
	var ops []history.Op
	add := func(f string, typ history.Type, v history.Value) {
		ops = append(ops, history.Op{Index: int64(len(ops)), Time: time.Duration(len(ops)), Type: typ, F: f, Key: "k", Value: v})
	}
	for i := range int64(n) {
		add("write", history.Invoke, history.Int(i))
		add("write", history.OK, history.Int(i))
		add("read", history.Invoke, "")
		add("read", history.OK, history.Int(i))
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCanary(t *testing.T) {
	always := func(v checker.Verdict, reason string) func(context.Context, checker.Input) checker.Result {
		return func(context.Context, checker.Input) checker.Result {
			return checker.Result{Verdict: v, Reason: reason, Facts: map[string]any{"own": 1}}
		}
	}
	good := register(t, 10)
	for _, c := range []struct {
		name    string
		checker checker.Checker
		want    checker.Verdict
		reason  string
		fact    any // nil: none
	}{
		{"a checker that sees", planter{}, checker.Valid, "", "caught"},
		{"a blind one that says valid of everything", planter{check: always(checker.Valid, "")}, checker.Unknown, "was called valid: so this checker's valid says nothing", "not caught"},
		{"one that sees only long histories", planter{check: func(ctx context.Context, in checker.Input) checker.Result {
			if in.History != good {
				return checker.Result{Reason: "too short"}
			}
			return checker.Result{Verdict: checker.Valid}
		}}, checker.Unknown, "was called unknown", "not caught"},
		{"an invalid is left alone", planter{check: always(checker.Invalid, "bad")}, checker.Invalid, "bad", nil},
		{"an unknown is left alone", planter{check: always(checker.Unknown, "no idea")}, checker.Unknown, "no idea", nil},
		{"one that cannot plant", checker.Func(always(checker.Valid, "")), checker.Valid, "", nil},
		{"nothing to plant in", planter{plant: func(*history.View, *rand.Rand) ([]history.Op, bool) { return nil, false }}, checker.Valid, "", "nothing to plant a violation in"},
		{"one that plants what is no history", planter{plant: func(*history.View, *rand.Rand) ([]history.Op, bool) {
			return []history.Op{{Index: 2, Type: history.OK}}, true
		}}, checker.Unknown, "is no history: index 2", "not caught"},
		{"one that plants nothing and says it did", planter{plant: func(v *history.View, _ *rand.Rand) ([]history.Op, bool) {
			return v.Ops, true
		}}, checker.Unknown, "was called valid", "not caught"},
		{"one that panics while it plants", planter{plant: func(*history.View, *rand.Rand) ([]history.Op, bool) { panic("oh dear") }}, checker.Unknown, "panicked: oh dear", nil},
		{"one that is slow with the canary", planter{check: func(ctx context.Context, in checker.Input) checker.Result {
			if in.History != good {
				<-ctx.Done()
				return checker.Result{Reason: "time"}
			}
			return checker.Result{Verdict: checker.Valid}
		}}, checker.Unknown, "the time was up", "not caught"},
	} {
		t.Run(c.name, func(t *testing.T) {
			timeout := time.Minute
			if strings.Contains(c.name, "slow") {
				timeout = 50 * time.Millisecond
			}
			r := one([]checker.Spec{{Name: "x", Checker: c.checker}}, "x", input{Input: checker.Input{History: good}, seed: 7}, timeout)
			if r.Verdict != c.want || !strings.Contains(r.Reason, c.reason) || r.Facts["canary"] != c.fact {
				t.Errorf("%s %q %v\nwant %s %q %v", r.Verdict, r.Reason, r.Facts["canary"], c.want, c.reason, c.fact)
			}
			if c.want == checker.Unknown && c.fact == "not caught" && !strings.HasPrefix(r.Reason, "canary: ") {
				t.Errorf("the reason does not name the canary: %q", r.Reason)
			}
		})
	}
}

// TestTheCanaryFollowsTheSeed: another seed plants something else, the same seed the same.
func TestTheCanaryFollowsTheSeed(t *testing.T) {
	v := register(t, 60)
	seen := map[string]int{}
	for seed := range uint64(20) {
		for range 2 {
			p := planter{plant: func(v *history.View, r *rand.Rand) ([]history.Op, bool) {
				ops, ok := planter{}.Plant(v, r)
				seen[fmt.Sprint(seed, ops)]++
				return ops, ok
			}}
			if r := one([]checker.Spec{{Name: "x", Checker: p}}, "x", input{Input: checker.Input{History: v}, seed: seed}, time.Minute); r.Facts["canary"] != "caught" {
				t.Fatal(r.Reason)
			}
		}
	}
	if len(seen) != 20 {
		t.Errorf("20 seeds, each twice, planted %d different things", len(seen))
	}
}

// TestTheCanaryInAChild: a run's folder is judged with its seed, and a blind checker ends in unknown.
func TestTheCanaryInAChild(t *testing.T) {
	path := t.TempDir()
	w, err := history.Create(filepath.Join(path, store.HistoryFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range register(t, 10).Ops {
		if err := w.Append(o); err != nil {
			t.Fatal(err)
		}
	}
	d, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := errors.Join(w.Close(), d.WriteJSON(store.MetaFile, store.Meta{Seed: 42})); err != nil {
		t.Fatal(err)
	}
	rs, err := Run(context.Background(), Request{Names: []string{"linearizable-register", "blind"}, RunDir: path})
	if err != nil || len(rs) != 2 {
		t.Fatal(rs, err)
	}
	if rs[0].Verdict != checker.Valid || rs[0].Facts["canary"] != "caught" || rs[0].Facts["keys"] != 1.0 {
		t.Errorf("%+v", rs[0])
	}
	if rs[1].Verdict != checker.Unknown || !strings.HasPrefix(rs[1].Reason, "canary: ") {
		t.Errorf("%+v", rs[1])
	}
	if v := Summary(store.Meta{Target: "etcd"}, rs); v.Verdict != checker.Unknown || !strings.Contains(v.Summary, "canary") {
		t.Errorf("%s: %s", v.Verdict, v.Summary)
	}
}
