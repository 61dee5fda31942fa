package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// bigSet is a good run of a set: n adds, of which some fail and of some nobody knows, reads between them, and final reads.
func bigSet(t *testing.T, n int) (*history.View, *history.Plan) {
	t.Helper()
	var b strings.Builder
	var there []string
	r := rand.New(rand.NewPCG(5, 6))
	read := func(node string) {
		fmt.Fprintf(&b, "%s invoke read\n%s ok read [%s]\n", node, node, strings.Join(there, ","))
	}
	for i := range n {
		node, end := []string{"n1", "n2"}[i%2], "ok"
		switch r.IntN(20) {
		case 0:
			end = "fail"
		case 1:
			end = "info"
		}
		fmt.Fprintf(&b, "%s invoke add %d\n%s %s add %d\n", node, i, node, end, i)
		if end == "ok" {
			there = append(there, fmt.Sprint(i))
		}
		if i%(n/10+1) == n/20 {
			read(node)
		}
	}
	b.WriteString("final\n")
	read("n1")
	read("n2")
	return story(t, b.String())
}

func TestTheCanaryOfASetLacksOneElement(t *testing.T) {
	for _, n := range []int{3, 50, 2000} {
		v, plan := bigSet(t, n)
		judge := func(v *history.View) Result {
			return Set().Checker.Check(context.Background(), Input{History: v, Plan: plan})
		}
		if r := judge(v); r.Verdict != Valid {
			t.Fatal(r.Reason)
		}
		for seed := range uint64(100) {
			ops, ok := setChecker{}.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			again, _ := setChecker{}.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			if !ok || !slices.Equal(ops, again) || len(ops) > 204 {
				t.Fatalf("%v, %d events", ok, len(ops))
			}
			pv, err := history.NewView(ops)
			if err != nil {
				t.Fatal(err)
			}
			r := judge(pv)
			if r.Verdict != Invalid || len(r.Anomalies) != 1 || r.Anomalies[0].Name != "lost-element" || r.Facts["lost"] != 1 {
				t.Fatalf("%+v", r)
			}
			// With the one that was taken out it is valid.
			var all []history.Value
			for _, o := range ops {
				if o.F == "add" && o.Type == history.OK {
					all = append(all, o.Value)
				}
			}
			for i := range ops {
				if ops[i].F == "read" && ops[i].Type == history.OK {
					ops[i].Value = history.List(all...)
				}
			}
			pv, _ = history.NewView(ops)
			if r := judge(pv); r.Verdict != Valid {
				t.Fatalf("%s: %s", r.Verdict, r.Reason)
			}
		}
	}
	// An element that was added twice, and some that were added while others already read for the last time.
	v, _ := story(t, "n1 invoke add 1\nn1 ok add 1\nn1 invoke add 1\nn1 ok add 1\nn1 invoke read\nn1 ok read [1]\n"+
		"n1 invoke add 2\nn1 ok add 2\nn2 invoke read\nn2 ok read [1,2]\nn1 invoke add 3\nn1 ok add 3\n")
	for seed := range uint64(50) {
		ops, ok := setChecker{}.Plant(v, rand.New(rand.NewPCG(seed, 1)))
		pv, err := history.NewView(ops)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if r := Set().Checker.Check(context.Background(), Input{History: pv}); r.Verdict != Invalid || len(r.Anomalies) != 1 || r.Facts["lost"] != 1 {
			t.Fatalf("seed %d: %s %s", seed, r.Verdict, r.Reason)
		}
	}
	v, _ = story(t, "n1 invoke add 1\nn1 ok add 1\n")
	if _, ok := (setChecker{}).Plant(v, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("something was planted where nobody read")
	}
	v, _ = story(t, "n1 invoke read\nn1 ok read []\n")
	if _, ok := (setChecker{}).Plant(v, rand.New(rand.NewPCG(1, 1))); ok {
		t.Error("something was planted where nobody added")
	}
}

func TestTheCanaryOfASetIsCheap(t *testing.T) {
	v, plan := bigSet(t, 20_000)
	best := 1.0
	for range 5 { // a noisy machine may disturb some of them
		began := time.Now()
		setChecker{}.Check(context.Background(), Input{History: v, Plan: plan})
		whole := time.Since(began)
		began = time.Now()
		ops, _ := setChecker{}.Plant(v, rand.New(rand.NewPCG(1, 1)))
		pv, err := history.NewView(ops)
		if err != nil {
			t.Fatal(err)
		}
		setChecker{}.Check(context.Background(), Input{History: pv, Plan: plan})
		if best = min(best, float64(time.Since(began))/float64(whole)); best < 0.2 {
			return
		}
	}
	t.Errorf("the canary took %.0f %% of the checking time", 100*best)
}

func TestPower(t *testing.T) {
	for n, want := range map[int]float64{1: 0.95, 29: 0.0981, 59: 0.0495, 299: 0.00997} {
		if got := Excludes(n); got < want-0.0005 || got > want+0.0005 {
			t.Errorf("%d clean runs exclude %v, want %v", n, got, want)
		}
	}
	for p, want := range map[float64]int{0.1: 29, 0.05: 59, 0.01: 299, 1: 1, 0.95: 1} {
		if got := CleanRuns(p); got != want || Excludes(got) > p+1e-9 || got > 1 && Excludes(got-1) <= p {
			t.Errorf("%v: %d clean runs, want %d", p, got, want)
		}
	}
	if Excludes(0) != 1 || CleanRuns(0) < 1<<40 || CleanRuns(-1) < 1<<40 {
		t.Error("no runs exclude something")
	}
	s := newScene()
	whole(busy, cutOff, busy, nil)(s)
	p := s.check(t).Facts["power"].(Power)
	if p.Windows != 1 || p.Attempts != 120 || len(p.Excludes) != 4 {
		t.Errorf("%+v", p)
	}
	for _, part := range []string{"1 fault window with 120 operations", "95 % confidence", "more than 95 % of such runs", "29 clean runs", "in 10 % of them, 59 in 5 %, 299 in 1 %"} {
		if !strings.Contains(p.Says, part) {
			t.Errorf("%q does not say %q", p.Says, part)
		}
	}
	s = newScene()
	whole(busy, nobody, busy, nil)(s)
	if _, ok := s.check(t).Facts["power"]; ok {
		t.Error("an inconclusive run says what it excludes")
	}
}
