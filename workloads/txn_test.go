package workloads_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// txnRun is a workload of transactions for some seconds, of which the last node is cut off for two.
func txnRun(t *testing.T, w workloads.Workload, params history.Params) *try {
	t.Helper()
	r := newTry(w.Object, 9, 3)
	r.world.cut, r.world.from, r.world.to = "n3", 4*time.Second, 6*time.Second
	o := r.options()
	o.Params, o.Rate = params, 300
	b, err := w.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(10*time.Second, b.Main), b.Final)
	return r
}

// use is what became of one key.
type use struct {
	writes, mops int
	last         history.Value // what the last read of it saw
	values       map[history.Value]bool
}

// uses counts by key, and complains of transactions that are too long or too short, and of values that come twice.
func uses(r *try, shortest, longest int) (keys map[string]*use, bad []string) {
	keys = map[string]*use{}
	for _, o := range r.ops {
		mops, ok := o.Value.Txn()
		final := o.Time > 10*time.Second
		if !ok || !final && (len(mops) < shortest || len(mops) > longest) {
			bad = append(bad, fmt.Sprintf("a transaction %s", o.Value))
		}
		for _, m := range mops {
			u := keys[m.Key]
			if u == nil {
				u = &use{values: map[history.Value]bool{}}
				keys[m.Key] = u
			}
			switch {
			case o.Type == history.Invoke && m.F != "r":
				if u.values[m.Value] {
					bad = append(bad, fmt.Sprintf("value %s of key %s is written twice", m.Value, m.Key))
				}
				u.values[m.Value] = true
				u.writes++
				u.mops++
			case o.Type == history.Invoke:
				u.mops++
			case o.Type == history.OK && m.F == "r":
				u.last = m.Value
			}
		}
	}
	return keys, bad
}

func TestTransactionsAreAsTheFlagsSay(t *testing.T) {
	for _, c := range []struct {
		params            history.Params
		shortest, longest int
		writes            int // the most of a key
		hottest           [2]float64
	}{
		{nil, 1, 4, 32, [2]float64{0.4, 0.6}},
		{history.Params{"key-dist": "uniform", "max-writes-per-key": "256", "max-txn-length": "6", "min-txn-length": "3"}, 3, 6, 256, [2]float64{0.08, 0.12}},
		{history.Params{"key-dist": "zipf", "max-writes-per-key": "100000", "read-share": "80"}, 1, 4, 100000, [2]float64{0.3, 0.38}},
		{history.Params{"key-count": "2", "max-writes-per-key": "1", "read-share": "0"}, 1, 4, 1, [2]float64{}},
	} {
		for _, w := range []workloads.Workload{workloads.Append(), workloads.RWRegister()} {
			r := txnRun(t, w, c.params)
			keys, bad := uses(r, c.shortest, c.longest)
			writes, mops, most, hot := 0, 0, 0, 0
			for key, u := range keys {
				writes, mops, most = writes+u.writes, mops+u.mops, max(most, u.mops)
				if u.writes > c.writes {
					bad = append(bad, fmt.Sprintf("key %s is written %d times", key, u.writes))
				}
				if c.writes < 1000 && u.writes == c.writes {
					hot++
				}
				if !strings.HasPrefix(key, "run-") {
					bad = append(bad, "key "+key+" does not carry the run's id")
				}
			}
			if len(bad) > 0 {
				t.Errorf("%s %v: %s", w.Name, c.params, strings.Join(bad[:min(3, len(bad))], "; "))
			}
			if c.writes < 1000 && hot < 3 {
				t.Errorf("%s %v: %d keys have all their writes", w.Name, c.params, hot)
			}
			if share := float64(most) / float64(mops); c.writes >= 1000 && (share < c.hottest[0] || share > c.hottest[1]) {
				t.Errorf("%s %v: the hottest key has %.2f of all", w.Name, c.params, share)
			}
			if share := float64(writes) / float64(mops); c.params == nil && (share < 0.4 || share > 0.6) || c.params["read-share"] == "80" && (share < 0.15 || share > 0.25) {
				t.Errorf("%s %v: %.2f are writes", w.Name, c.params, share)
			}
		}
	}
	// That the complaints are worth something.
	r := txnRun(t, workloads.Append(), nil)
	r.ops = append(r.ops, r.ops[0], history.Op{Value: `[["r","x",null],["r","x",null],["r","x",null],["r","x",null],["r","x",null]]`})
	if _, bad := uses(r, 1, 4); len(bad) < 2 {
		t.Errorf("a long transaction and a value that is written twice: %v", bad)
	}
}

// In the end every key that was ever used is read, and everything that was acknowledged is there.
func TestTheLastReadsSeeEveryKey(t *testing.T) {
	r := txnRun(t, workloads.Append(), nil)
	unsure, sides := map[history.Value]bool{}, map[bool]int{}
	for _, o := range r.ops {
		if o.Type == history.Info {
			mops, _ := o.Value.Txn()
			for _, m := range mops {
				unsure[m.Value] = true
			}
		}
		if o.Type == history.Invoke && o.Time > r.world.from && o.Time < r.world.to {
			sides[o.Node == "n3"]++
		}
	}
	if sides[true] < 3 || sides[false] < 100 || len(unsure) == 0 {
		t.Errorf("in the cut %v were tried", sides)
	}
	r2 := *r
	r2.ops = slices.DeleteFunc(slices.Clone(r.ops), func(o history.Op) bool { return o.Time < 10*time.Second })
	last, _ := uses(&r2, 1, 4)
	keys, _ := uses(r, 1, 4)
	for key, u := range keys {
		if last[key] == nil || last[key].mops < 1 {
			t.Errorf("key %s is not read in the end", key)
			continue
		}
		list, _ := last[key].last.List()
		for v := range u.values {
			if !unsure[v] && !slices.Contains(list, v) {
				t.Errorf("key %s ends as %s, without %s", key, last[key].last, v)
			}
		}
	}
	if len(keys) < 50 {
		t.Errorf("only %d keys", len(keys))
	}
}

func TestTheLastReadsEndWhenANodeNeverAnswers(t *testing.T) {
	for _, w := range []workloads.Workload{workloads.Append(), workloads.LongFork()} {
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

// Each register is written once, and every group that is read is whole; writes of one group meet, and reads meet writes.
func TestLongForkReadsGroups(t *testing.T) {
	for _, size := range []int{2, 3} {
		r := txnRun(t, workloads.LongFork(), history.Params{"group-size": fmt.Sprint(size)})
		written, open, met, groups := map[string]bool{}, map[string]string{}, 0, map[string]bool{}
		for _, o := range r.ops {
			mops, _ := o.Value.Txn()
			switch {
			case o.Type != history.Invoke:
				delete(open, fmt.Sprint(o.Process))
			case len(mops) == 1:
				if written[mops[0].Key] {
					t.Errorf("%s is written twice", mops[0].Key)
				}
				written[mops[0].Key] = true
				open[fmt.Sprint(o.Process)] = mops[0].Key
			default:
				keys := []string{}
				for _, m := range mops {
					keys = append(keys, m.Key)
				}
				slices.Sort(keys)
				groups[strings.Join(keys, " ")] = true
				for _, k := range open {
					if slices.Contains(keys, k) {
						met++
					}
				}
				if len(keys) != size {
					t.Errorf("a group of %d", len(keys))
				}
			}
		}
		if len(written) < 500 || met < 100 || len(groups) > len(written)/size+1 || len(groups) < len(written)/size/2 {
			t.Errorf("%d registers, %d reads beside a write of the group, %d groups", len(written), met, len(groups))
		}
	}
}

func TestTransactionsRefuseWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		w    workloads.Workload
		p    history.Params
		says string
	}{
		{workloads.Append(), history.Params{"key-dist": "normal"}, "exponential, zipf or uniform"},
		{workloads.Append(), history.Params{"key-count": "0"}, "key-count=0"},
		{workloads.RWRegister(), history.Params{"min-txn-length": "5"}, "more than max-txn-length"},
		{workloads.RWRegister(), history.Params{"max-txn-length": "1000"}, "1 to 100"},
		{workloads.Append(), history.Params{"max-writes-per-key": "few"}, "max-writes-per-key"},
		{workloads.Append(), history.Params{"read-share": "100"}, "0 to 99"},
		{workloads.LongFork(), history.Params{"group-size": "1"}, "2 to 100"},
		{workloads.LongFork(), history.Params{"group-size": "x"}, "group-size"},
	} {
		o := newTry(c.w.Object, 6, 3).options()
		o.Params = c.p
		if _, err := c.w.Build(o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.w.Name, c.p, err)
		}
	}
}
