package workloads_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// objects are the workloads whose checkers look at a history once.
var objects = []struct {
	workload workloads.Workload
	spec     checker.Spec
	params   history.Params
}{
	{workloads.Counter(), checker.Counter(), nil},
	{workloads.UniqueIDs(), checker.UniqueIDs(), nil},
	{workloads.Bank(), checker.Bank(), history.Params{"accounts": "8", "balance": "10"}},
	{workloads.Lock(), checker.Lock(), nil},
	{workloads.Lock(), checker.Lock(), history.Params{"fencing": "true"}},
}

// objectRun is one of them for 30 s, of which the last node is cut off for 10.
func objectRun(t *testing.T, i int, seed uint64) (*try, []string) {
	t.Helper()
	o := objects[i]
	r := newTry(o.workload.Object, 9, 3)
	r.seed, r.params, r.world.latency = seed, o.params, 2*time.Millisecond
	r.world.cut, r.world.from, r.world.to = "n3", 10*time.Second, 20*time.Second
	opts := r.options()
	opts.Rate = 200
	b, err := o.workload.Build(opts)
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(30*time.Second, b.Main), b.Final)
	return r, b.Checkers
}

func judge(t *testing.T, spec checker.Spec, r *try) checker.Result {
	t.Helper()
	v, err := history.NewView(r.ops)
	if err != nil {
		t.Fatal(err)
	}
	return spec.Checker.Check(context.Background(), checker.Input{History: v, Params: r.params})
}

// On a good database each of them is valid by its own checker, whatever the seed; clients try on both sides of the cut,
// and were quick before it; every node is asked in the end.
func TestObjectsOnAGoodDatabase(t *testing.T) {
	for i, o := range objects {
		for seed := range uint64(2) {
			t.Run(fmt.Sprintf("%s/%d", o.workload.Name, seed), func(t *testing.T) {
				r, checkers := objectRun(t, i, seed)
				if !slices.Equal(checkers, []string{o.spec.Name, "stats", "recovery", "coverage"}) {
					t.Errorf("checkers %v", checkers)
				}
				if got := judge(t, o.spec, r); got.Verdict != checker.Valid {
					t.Errorf("%s %s", got.Verdict, got.Reason)
				}
				quick, sides, last := 0, map[bool]int{}, map[string]bool{}
				for _, op := range r.ops {
					switch {
					case op.Type == history.OK && op.Time > 8*time.Second && op.Time < 10*time.Second:
						quick++
					case op.Type == history.Invoke && op.Time > 10*time.Second && op.Time < 20*time.Second:
						sides[op.Node == "n3"]++
					case op.Type == history.OK && op.Time > 30*time.Second:
						last[op.Node] = true
					}
				}
				if quick < 40 || sides[false] < 40 || sides[true] < 9 || len(last) != 3 {
					t.Errorf("%d ok in the 2 s before the cut, %v tried in it, %d nodes asked in the end", quick, sides, len(last))
				}
			})
		}
	}
}

// What a bad database answers is noticed in such a run: one answer is changed.
func TestObjectsOnABadDatabase(t *testing.T) {
	less := func(o history.Op) history.Op {
		n, _ := o.Value.Int()
		o.Value = history.Int(n - 1)
		return o
	}
	lie := []func(history.Op) (history.Op, bool){
		func(o history.Op) (history.Op, bool) { return less(o), o.F == "read" && o.Value != "0" },
		func(o history.Op) (history.Op, bool) { return less(o), true },
		func(o history.Op) (history.Op, bool) {
			o.Value = history.Value(strings.Replace(string(o.Value), ":", ":1", 1))
			return o, o.F == "read"
		},
		func(o history.Op) (history.Op, bool) { // refused, says the database, and is told that it is granted
			refused := o.Type == history.Fail
			o.Type = history.OK
			return o, o.F == "acquire" && refused
		},
		func(o history.Op) (history.Op, bool) {
			o.Ext = "1"
			return o, o.F == "acquire" && !strings.Contains(o.Key, "final")
		},
	}
	for i, o := range objects {
		r, _ := objectRun(t, i, 7)
		tried, got := 0, checker.Result{}
		for n := len(r.ops) - 1; n >= 0 && tried < 20 && got.Verdict != checker.Invalid; n-- { // some change nothing: whoever held the lock is gone
			if op, ok := lie[i](r.ops[n]); ok && op.Type == history.OK {
				truth := r.ops[n]
				r.ops[n] = op
				got = judge(t, o.spec, r)
				r.ops[n] = truth
				tried++
			}
		}
		if got.Verdict != checker.Invalid {
			t.Errorf("%s: %d lies, %s %s", o.workload.Name, tried, got.Verdict, got.Reason)
		}
	}
}

// Long holds span a cut, short ones do not; with fencing some of the long ones write nothing before their end.
func TestLocksAreKeptThroughACut(t *testing.T) {
	r, _ := objectRun(t, 4, 1)
	type held struct {
		from   time.Duration
		writes int
	}
	open := map[int32]*held{}
	var long, short, sleepers int
	for _, o := range r.ops {
		h := open[o.Process]
		switch {
		case o.F == "acquire" && o.Type == history.OK:
			open[o.Process] = &held{from: o.Time}
		case o.F == "write" && o.Type == history.OK && h != nil:
			h.writes++
		case o.F == "release" && o.Type == history.Invoke && h != nil:
			switch d := o.Time - h.from; {
			case d < time.Second:
				short++
			case d >= 7*time.Second && h.writes == 1:
				sleepers++
				long++
			case d >= 7*time.Second:
				long++
			default:
				t.Errorf("a lock was kept for %s", d)
			}
			delete(open, o.Process)
		}
	}
	if long < 3 || short < 50 || sleepers == 0 {
		t.Errorf("%d long holds, %d of them without a write before the end, %d short ones", long, sleepers, short)
	}
}

// A lock that is never given back is given up, and another one takes its place.
func TestALockThatIsStuckIsReplaced(t *testing.T) {
	r := newTry("lock", 4, 2)
	r.params = history.Params{"hold": "200ms"}
	b, err := workloads.Lock().Build(r.options())
	if err != nil {
		t.Fatal(err)
	}
	// Somebody else holds them all.
	c, err := r.world.store.Open(context.Background(), nil, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if _, _, err := c.Invoke(context.Background(), history.Op{F: "acquire", Key: fmt.Sprintf("run-%d", i), Process: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	r.run(t, workloads.TimeLimit(5*time.Second, b.Main))
	got := map[string]bool{}
	for _, o := range r.ops {
		if o.F == "acquire" && o.Type == history.OK {
			got[o.Key] = true
		}
	}
	if len(got) < 4 {
		t.Errorf("acquired %v", got)
	}
}

func TestObjectsRefuseWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		w       workloads.Workload
		workers int
		p       history.Params
		says    string
	}{
		{workloads.Counter(), 2, nil, "--concurrency 1n"},
		{workloads.Lock(), 5, nil, "--concurrency 2n"},
		{workloads.Lock(), 6, history.Params{"hold": "1ms"}, "hold=1ms"},
		{workloads.Lock(), 6, history.Params{"hold": "long"}, "hold"},
		{workloads.Lock(), 6, history.Params{"fencing": "maybe"}, "fencing"},
		{workloads.Bank(), 6, history.Params{"accounts": "1"}, "2 to 1000 accounts"},
		{workloads.Bank(), 6, history.Params{"accounts": "x"}, "accounts"},
		{workloads.Bank(), 6, history.Params{"balance": "0"}, "balance=0"},
		{workloads.Bank(), 6, history.Params{"max-transfer": "-1"}, "max-transfer=-1"},
	} {
		_, err := c.w.Build(workloads.Options{RunID: "run", Nodes: []string{"n1", "n2", "n3"}, Workers: c.workers, Params: c.p})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.w.Name, c.p, err)
		}
	}
}
