package workloads_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// cutRun is the register workload for 20 s of which the last node is cut off for 10.
func cutRun(t *testing.T, workers, nodes int, seed uint64, params history.Params) *try {
	r := newTry("register", workers, nodes)
	r.seed, r.world.latency = seed, 500*time.Microsecond
	r.world.cut, r.world.from, r.world.to = r.nodes[nodes-1], 5*time.Second, 15*time.Second
	o := r.options()
	o.Params, o.Rate = params, 300
	b, err := workloads.Register().Build(o)
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(20*time.Second, b.Main), b.Final)
	return r
}

// complaints lists what is wrong with a register history: values written twice, keys with too many operations or too many
// writes that may be pending, keys that not every node was asked for.
func complaints(r *try, opsPerKey, pending int) (bad []string) {
	type use struct {
		ops, unsure int
		unknown     int
		nodes       map[string]bool
		cut         bool
	}
	keys, written, open := map[string]*use{}, map[history.Value]bool{}, map[int32]bool{}
	for _, o := range r.ops {
		if keys[o.Key] == nil {
			keys[o.Key] = &use{nodes: map[string]bool{}}
		}
		u := keys[o.Key]
		switch {
		case o.Type == history.Invoke:
			if u.ops++; u.unknown >= pending {
				bad = append(bad, fmt.Sprintf("index %d: key %s is used, though %d of its writes are pending for ever", o.Index, o.Key, u.unknown))
			}
			u.cut = u.cut || o.Time >= r.world.from-time.Second && o.Time < r.world.to+time.Second
			u.nodes[o.Node] = true
			value := o.Value
			if _, to, ok := value.Pair(); ok {
				value = to
			}
			if o.F != "read" {
				if written[value] {
					bad = append(bad, fmt.Sprintf("value %s is written twice", value))
				}
				written[value] = true
				open[o.Process] = true
				if u.unsure++; u.unsure > pending {
					bad = append(bad, fmt.Sprintf("index %d: %d writes of %s may be pending", o.Index, u.unsure, o.Key))
				}
			}
		case open[o.Process]:
			if o.Type == history.Info {
				u.unknown++
			} else {
				u.unsure--
			}
			delete(open, o.Process)
		}
	}
	for key, u := range keys {
		if u.ops > opsPerKey+len(r.nodes) { // and the final reads
			bad = append(bad, fmt.Sprintf("key %s has %d operations", key, u.ops))
		}
		if u.ops > 20*r.workers && !u.cut && len(u.nodes) < min(len(r.nodes), r.workers) {
			bad = append(bad, fmt.Sprintf("key %s, of %d operations, was used on %d nodes only", key, u.ops, len(u.nodes)))
		}
		if !strings.HasPrefix(key, "run-") {
			bad = append(bad, "key "+key+" does not carry the run's id")
		}
	}
	return bad
}

func TestRegisterKeepsHistoriesCheckable(t *testing.T) {
	for _, c := range []struct{ workers, nodes, keys int }{{9, 3, 0}, {15, 5, 3}, {7, 3, 5}, {10, 5, 1}, {2, 3, 4}, {1, 1, 0}} {
		for seed := range uint64(2) {
			r := cutRun(t, c.workers, c.nodes, seed, history.Params{"keys": fmt.Sprint(c.keys)})
			if bad := complaints(r, 300, 3); len(bad) > 0 {
				t.Errorf("%+v, seed %d: %s", c, seed, strings.Join(bad[:min(3, len(bad))], "; "))
			}
			if len(r.invokes()) < 1000 {
				t.Errorf("%+v, seed %d: only %d operations in 20 s", c, seed, len(r.invokes()))
			}
		}
	}
	// That the complaints are worth something: a run against tighter bounds, and one that was tampered with.
	r := cutRun(t, 9, 3, 1, history.Params{"keys": "1"})
	if len(complaints(r, 100, 3)) == 0 || len(complaints(r, 300, 2)) == 0 {
		t.Error("the test does not notice keys that are too long, or have too many pending writes")
	}
	r.ops[0].Key = "other"
	r.ops = append(r.ops, history.Op{Type: history.Invoke, Process: 1000, F: "write", Value: "4", Key: "run-9"}, history.Op{Type: history.Invoke, Process: 1001, F: "write", Value: "4", Key: "run-9"})
	for i := range r.ops {
		r.ops[i].Node = "n1"
	}
	if bad := strings.Join(complaints(r, 300, 3), "\n"); !strings.Contains(bad, "twice") || !strings.Contains(bad, "run's id") || !strings.Contains(bad, "1 nodes only") {
		t.Errorf("the test does not notice a value that is written twice, a foreign key, or a node that is left out: %s", bad)
	}
}

func TestRegisterTriesOnBothSidesOfACut(t *testing.T) {
	for _, n := range []struct{ workers, nodes int }{{9, 3}, {15, 5}} {
		for seed := range uint64(3) {
			r := cutRun(t, n.workers, n.nodes, seed, nil)
			cut := r.nodes[n.nodes-1]
			var tried [2]struct{ effects, reads int }
			sides := map[string][2]bool{}
			for _, o := range r.invokes() {
				if o.Time < r.world.from || o.Time >= r.world.to {
					continue
				}
				side := 0
				if o.Node == cut {
					side = 1
				}
				if o.F == "read" {
					tried[side].reads++
				} else {
					tried[side].effects++
				}
				s := sides[o.Key]
				s[side] = true
				sides[o.Key] = s
			}
			shared := 0
			for _, s := range sides {
				if s[0] && s[1] {
					shared++
				}
			}
			for side, s := range tried {
				if s.effects+s.reads < 20 || s.effects == 0 || s.reads == 0 {
					t.Errorf("%+v, seed %d: side %d tried %+v in 10 s", n, seed, side, s)
				}
			}
			if shared == 0 {
				t.Errorf("%+v, seed %d: no key was used on both sides", n, seed)
			}
		}
	}
}

func TestSetTriesOnBothSidesOfACutAndEndsWithAReadOfEachNode(t *testing.T) {
	r := newTry("set", 9, 3)
	r.world.cut, r.world.from, r.world.to = "n3", 10*time.Second, 20*time.Second
	b, err := workloads.Set().Build(r.options())
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(30*time.Second, b.Main))
	main := len(r.ops)
	tried := map[string]int{}
	for _, o := range r.invokes() {
		if o.Time >= r.world.from && o.Time < r.world.to && o.Node == "n3" {
			tried[o.F]++
		}
	}
	if tried["add"]+tried["read"] < 20 || tried["read"] == 0 || tried["add"] == 0 {
		t.Errorf("the node that is cut off was tried so in 10 s: %v", tried)
	}
	r = newTry("set", 9, 3)
	b, _ = workloads.Set().Build(r.options())
	r.run(t, workloads.TimeLimit(30*time.Second, b.Main), b.Final)
	last := map[string]history.Value{}
	for _, o := range r.ops[len(r.ops)-6:] {
		if o.Type == history.OK {
			last[o.Node] = o.Value
		}
	}
	if len(last) != 3 || last["n1"] != last["n2"] || last["n1"] != last["n3"] || main < 1000 {
		t.Errorf("in the end %d nodes were read, after %d events", len(last), main)
	}
	all, _ := last["n1"].List()
	if n := len(all); n < 2500 || n > 3500 {
		t.Errorf("%d elements in 30 s, want about 100 a second", n)
	}
}

func TestTheFinalReadsEndWhenANodeNeverAnswers(t *testing.T) {
	for _, w := range []workloads.Workload{workloads.Register(), workloads.Set()} {
		r := newTry(w.Object, 3, 3)
		r.world.cut, r.world.to = "n2", time.Hour
		b, err := w.Build(r.options())
		if err != nil {
			t.Fatal(err)
		}
		r.run(t, workloads.Limit(20, b.Main), b.Final)
		if end := r.ops[len(r.ops)-1].Time; end < 20*time.Second || end > 70*time.Second {
			t.Errorf("%s ends after %s", w.Name, end)
		}
	}
}

// choices gives what each worker did first, second, …
func choices(r *try) map[string]string {
	m := map[string]string{}
	count := map[int]int{}
	for _, o := range r.invokes() {
		w := int(o.Process) % r.workers
		m[fmt.Sprintf("w%d #%d", w, count[w])] = o.F
		count[w]++
	}
	return m
}

func TestAWorkersDrawsDependOnTheSeedAndItsCountAlone(t *testing.T) {
	mixed := func(seed uint64, latency time.Duration, cut string) map[string]string {
		r := newTry("register", 5, 5)
		r.seed, r.world.latency = seed, latency
		r.world.cut, r.world.to, r.world.timeout = cut, time.Hour, 7*time.Millisecond
		r.run(t, workloads.TimeLimit(time.Second, workloads.Rate(2000, workloads.Mix(
			workloads.Weighted{Weight: 1, Gen: workloads.Repeat(history.Op{F: "read"})},
			workloads.Weighted{Weight: 1, Gen: workloads.Repeat(history.Op{F: "write", Value: "1"})},
		))))
		return choices(r)
	}
	compare := func(a, b map[string]string) (same, other int) {
		for k, f := range a {
			switch g, ok := b[k]; {
			case ok && f == g:
				same++
			case ok:
				other++
			}
		}
		return same, other
	}
	one := mixed(1, time.Millisecond, "")
	if same, other := compare(one, mixed(1, 3*time.Millisecond, "n2")); same < 200 || other > 0 {
		t.Errorf("the same seed under other conditions: %d draws are the same, %d are not", same, other)
	}
	if same, other := compare(one, mixed(2, time.Millisecond, "")); other < same/2 {
		t.Errorf("another seed: %d draws are the same, %d are not", same, other)
	}
}

func TestMixesAndRatesAreWhatTheySay(t *testing.T) {
	r := newTry("register", 4, 0)
	r.run(t, workloads.Limit(10_000, workloads.Rate(250, workloads.Mix(
		workloads.Weighted{Weight: 3, Gen: workloads.Repeat(history.Op{F: "read"})},
		workloads.Weighted{Weight: 1, Gen: workloads.Mix(
			workloads.Weighted{Weight: 1, Gen: workloads.Repeat(history.Op{F: "write", Value: "1"})},
			workloads.Weighted{Weight: 1, Gen: workloads.Repeat(history.Op{F: "cas", Value: "[1,1]"})},
		)},
	))))
	n := map[string]float64{}
	ops := r.invokes()
	var squares float64
	for i, o := range ops {
		n[o.F]++
		if i > 0 {
			gap := (o.Time - ops[i-1].Time).Seconds() * 250
			squares += (gap - 1) * (gap - 1)
		}
	}
	for f, want := range map[string]float64{"read": 7500, "write": 1250, "cas": 1250} {
		if math.Abs(n[f]-want) > 200 {
			t.Errorf("%.0f of %s, want about %.0f", n[f], f, want)
		}
	}
	if took := ops[len(ops)-1].Time; took < 38*time.Second || took > 42*time.Second {
		t.Errorf("10,000 operations at 250 a second took %s", took)
	}
	// Gaps of a Poisson process have a deviation as large as their mean.
	if dev := math.Sqrt(squares / float64(len(ops))); dev < 0.9 || dev > 1.1 {
		t.Errorf("the gaps deviate by %.2f of their mean, want 1", dev)
	}
}

func TestARateCatchesUpALittleAndForgetsTheRest(t *testing.T) {
	r := newTry("register", 1, 1)
	r.world.latency = 100 * time.Microsecond
	r.world.cut, r.world.to, r.world.timeout = "n1", time.Millisecond, 2*time.Second // the first operation takes 2 s
	r.run(t, workloads.TimeLimit(4*time.Second, workloads.Rate(200, workloads.Repeat(history.Op{F: "read"}))))
	burst := 0
	for _, o := range r.invokes() {
		if o.Time >= 2*time.Second && o.Time < 2010*time.Millisecond {
			burst++
		}
	}
	if burst < 10 || burst > 40 { // 100 ms at 200 a second: about 20, not the 400 that were missed
		t.Errorf("%d operations at once after a pause of 2 s", burst)
	}
}

func TestParametersAreFlagsAndBadOnesAreRefused(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	workloads.Register().Flags(f)
	if f.Lookup("keys") == nil || f.Lookup("ops-per-key") == nil {
		t.Error("flags are missing")
	}
	for _, p := range []history.Params{{"keys": "many"}, {"keys": "-1"}, {"ops-per-key": "0"}, {"ops-per-key": "x"}} {
		o := newTry("register", 3, 3).options()
		o.Params = p
		if _, err := workloads.Register().Build(o); err == nil {
			t.Errorf("%v is taken", p)
		}
	}
	if _, err := workloads.Set().Build(newTry("set", 2, 3).options()); err == nil || !strings.Contains(err.Error(), "--concurrency") {
		t.Errorf("a set with fewer clients than nodes: %v", err)
	}
	for _, w := range []workloads.Workload{workloads.Register(), workloads.Set()} {
		b, err := w.Build(newTry(w.Object, 3, 3).options())
		if err != nil || !slices.Contains(b.Checkers, "coverage") || w.Doc == "" {
			t.Errorf("%s: %v %v", w.Name, b.Checkers, err)
		}
	}
}

func TestRandIsTheSameForTheSameWorkerAndCount(t *testing.T) {
	a, b := &workloads.Ctx{Seed: 1}, &workloads.Ctx{Seed: 1, Now: time.Hour}
	if x, y := a.Rand(3, 4).Uint64(), b.Rand(3, 4).Uint64(); x != y {
		t.Error("the same draw differs")
	}
	seen := map[uint64]bool{}
	for seed := range uint64(10) {
		for w := -1; w < 10; w++ {
			for n := range int64(10) {
				seen[(&workloads.Ctx{Seed: seed}).Rand(w, n).Uint64()] = true
			}
		}
	}
	if len(seen) != 1100 {
		t.Errorf("%d different draws of 1100", len(seen))
	}
}
