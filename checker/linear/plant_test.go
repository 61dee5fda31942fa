package linear

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// many is a linearizable history of several registers: five clients at once, now and then an unknown end, and values that are
// all different, or (few) of a handful.
func many(keys, ops int, few bool) *history.View {
	r := rand.New(rand.NewPCG(3, 4))
	var out []history.Op
	state := map[string]history.Value{}
	add := func(o history.Op) {
		o.Index, o.Time = int64(len(out)), time.Duration(len(out))*time.Millisecond
		out = append(out, o)
	}
	type client struct {
		process int32
		op      *history.Op // under way
		done    bool        // it had its effect
		answer  history.Value
	}
	clients := make([]client, 5)
	for i := range clients {
		clients[i].process = int32(i)
	}
	for n := int64(0); n < int64(keys*ops); {
		c := &clients[r.IntN(len(clients))]
		switch {
		case c.op == nil:
			n++
			value := history.Int(n)
			if few {
				value = history.Int(n % 4)
			}
			o := history.Op{Process: c.process, Node: fmt.Sprint("n", 1+c.process%3), Key: fmt.Sprint("k", r.IntN(keys)), F: "read", Type: history.Invoke}
			switch r.IntN(4) {
			case 0:
				o.F, o.Value = "write", value
			case 1:
				o.F, o.Value = "cas", history.Pair(state[o.Key], value)
			}
			add(o)
			c.op, c.done = &o, false
		case !c.done:
			c.done, c.op.Type, c.answer = true, history.OK, c.op.Value
			switch c.op.F {
			case "read":
				c.answer = state[c.op.Key]
			case "write":
				state[c.op.Key] = c.op.Value
			case "cas":
				if from, to, _ := c.op.Value.Pair(); from == state[c.op.Key] {
					state[c.op.Key] = to
				} else {
					c.op.Type = history.Fail
				}
			}
		default:
			o := *c.op
			o.Value, c.op = c.answer, nil
			if o.F != "read" && r.IntN(30) == 0 {
				o.Type = history.Info
				c.process += int32(len(clients))
			}
			add(o)
		}
	}
	v, err := history.NewView(out)
	if err != nil {
		panic(err)
	}
	return v
}

// TestWhatIsPlantedIsOneLie: whatever the draws, the canary is a part of the history in which one answer was changed; with
// the true answer it is valid, with the lie it is not, and the proof contains the lie.
func TestWhatIsPlantedIsOneLie(t *testing.T) {
	kinds := map[string]int{}
	for _, v := range []*history.View{many(1, 20, false), many(1, 400, false), many(7, 60, false), many(7, 60, true), many(40, 30, false), many(40, 20, true)} {
		if r := check(v, nil); r.Verdict != checker.Valid {
			t.Fatal(r.Reason)
		}
		byIndex := map[int64]history.Op{}
		for _, o := range v.Ops {
			byIndex[o.Index] = o
		}
		for seed := range uint64(100) {
			ops, ok := registerChecker{}.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			if !ok {
				t.Fatal("nothing was planted")
			}
			again, _ := registerChecker{}.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			if !slices.Equal(ops, again) {
				t.Fatal("the same seed planted something else")
			}
			if len(ops) > 600 {
				t.Fatalf("%d events: the canary is not bounded", len(ops))
			}
			lie := int64(-1)
			honest := slices.Clone(ops)
			for i, o := range ops {
				if o.Type == history.Info && byIndex[o.Index].Type != history.Info {
					continue // it ended too late
				}
				if o != byIndex[o.Index] {
					if lie >= 0 || o.F != "read" || o.Type != history.OK {
						t.Fatalf("more was changed than an answer: %+v", o)
					}
					lie, honest[i] = o.Index, byIndex[o.Index]
				}
			}
			hv, err := history.NewView(honest)
			if err != nil || lie < 0 {
				t.Fatal(lie, err)
			}
			if r := check(hv, nil); r.Verdict != checker.Valid {
				t.Fatalf("seed %d: without the lie it is %s: %s", seed, r.Verdict, r.Reason)
			}
			pv, err := history.NewView(ops)
			if err != nil {
				t.Fatal(err)
			}
			r := check(pv, nil)
			if r.Verdict != checker.Invalid || len(r.Anomalies) != 1 {
				t.Fatalf("seed %d: %s with %d anomalies", seed, r.Verdict, len(r.Anomalies))
			}
			if !slices.Contains(r.Anomalies[0].Ops, lie) {
				t.Errorf("seed %d: the proof %v does not contain the lie %d", seed, r.Anomalies[0].Ops, lie)
			}
			kinds[r.Anomalies[0].Name]++
		}
	}
	if kinds["stale-read"] == 0 || kinds["thin-air-read"] == 0 {
		t.Errorf("only some kinds of lies were told: %v", kinds)
	}
}

func TestNothingToPlantIn(t *testing.T) {
	for _, story := range []string{"", "0@n1 invoke write 1\n0@n1 ok write 1\n", "0@n1 invoke read\n0@n1 fail read\n"} {
		if ops, ok := (registerChecker{}).Plant(parse(t, story), rand.New(rand.NewPCG(1, 1))); ok {
			t.Errorf("%q: %v", story, ops)
		}
	}
}

// TestTheCanaryIsCheap: planting and judging it take less than a fifth of judging the history.
func TestTheCanaryIsCheap(t *testing.T) {
	v := many(120, 250, false)
	best := 1.0
	for range 5 { // a noisy machine may disturb some of them
		began := time.Now()
		check(v, nil)
		whole := time.Since(began)
		began = time.Now()
		ops, _ := registerChecker{}.Plant(v, rand.New(rand.NewPCG(1, 1)))
		pv, err := history.NewView(ops)
		if err != nil {
			t.Fatal(err)
		}
		registers(options{}).Check(context.Background(), checker.Input{History: pv})
		if best = min(best, float64(time.Since(began))/float64(whole)); best < 0.2 {
			return
		}
	}
	t.Errorf("the canary took %.0f %% of the checking time", 100*best)
}
