package simulate_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample/simulate"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

type record struct{ ops []history.Op }

func (r *record) Append(op history.Op) error { r.ops = append(r.ops, op); return nil }

func (r *record) hash(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	for _, op := range r.ops {
		b, err := json.Marshal(op)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = h.Write(b)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func faults(t *testing.T, names ...string) (out []nemesis.Asked) {
	t.Helper()
	for _, s := range names {
		name, sel, _ := strings.Cut(s, ":")
		i := slices.IndexFunc(nemesis.Kinds(), func(k nemesis.Kind) bool { return k.Name == name })
		if i < 0 {
			t.Fatalf("no fault %s", name)
		}
		out = append(out, nemesis.Asked{Kind: nemesis.Kinds()[i], Selector: sel})
	}
	return out
}

func workload(t *testing.T, name string) workloads.Workload {
	t.Helper()
	for _, w := range []workloads.Workload{workloads.Register(), workloads.Set(), workloads.Bank(), workloads.Lock(), workloads.Queue()} {
		if w.Name == name {
			return w
		}
	}
	t.Fatalf("no workload %s", name)
	return workloads.Workload{}
}

var checkers = []checker.Spec{linear.Register(), checker.Set(), checker.Stats(), checker.Recovery(), checker.Coverage()}

// simulated runs and judges.
func simulated(t *testing.T, cfg simulate.Config) (*record, simulate.Outcome, map[string]checker.Result) {
	t.Helper()
	r := &record{}
	cfg.History = r
	out, err := simulate.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	v, err := history.NewView(r.ops)
	if err != nil {
		t.Fatal(err)
	}
	rs := map[string]checker.Result{}
	for _, s := range checkers {
		if slices.Contains(out.Checkers, s.Name) {
			rs[s.Name] = s.Checker.Check(context.Background(), checker.Input{History: v, Plan: &out.Plan, Windows: out.Windows})
		}
	}
	return r, out, rs
}

func verdict(rs map[string]checker.Result) (v checker.Verdict, names []string, why string) {
	var vs []checker.Verdict
	for _, s := range checkers {
		r, ok := rs[s.Name]
		if !ok {
			continue
		}
		vs = append(vs, r.Verdict)
		for _, a := range r.Anomalies {
			if !slices.Contains(names, a.Name) {
				names = append(names, a.Name)
			}
		}
		if r.Verdict != checker.Valid {
			why += s.Name + ": " + r.Reason + ". "
		}
	}
	return checker.Merge(vs...), names, why
}

// quick is a run that has room for two windows, each with enough attempts on each side.
func quick(t *testing.T, w string, seed uint64, bug string, fs ...string) simulate.Config {
	t.Helper()
	return simulate.Config{
		Workload: workload(t, w), Faults: faults(t, fs...), Seed: seed, Bug: bug,
		Workers: 18, Rate: 300, TimeLimit: 20 * time.Second, Interval: 9 * time.Second, OpTimeout: 400 * time.Millisecond,
	}
}

func TestCleanRunsAreValid(t *testing.T) {
	for _, w := range []string{"register", "set"} {
		for i, f := range [][]string{nil, {"partition"}, {"kill"}, {"pause"}, {"kill:all"}, {"partition:primaries", "pause:primaries"}} {
			t.Run(w+" "+strings.Join(f, ","), func(t *testing.T) {
				t.Parallel()
				r, out, rs := simulated(t, quick(t, w, uint64(i+1), "", f...))
				v, _, why := verdict(rs)
				t.Logf("%s, %d events in %s, hash %s, crashes %v", v, len(r.ops), out.Virtual, r.hash(t), out.Crashes)
				if v != checker.Valid || len(out.Crashes) > 0 {
					t.Errorf("%s, crashes %v: %s", v, out.Crashes, why)
				}
			})
		}
	}
}

func TestTheSameSeedGivesTheSameHistory(t *testing.T) {
	const seeds = 20
	hashes := make([]string, seeds)
	for round := range 2 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			for i := range seeds {
				t.Run(fmt.Sprint("seed ", i), func(t *testing.T) {
					t.Parallel() // beside others: nothing may be shared
					cfg := quick(t, []string{"register", "set", "bank", "lock", "queue"}[i%5], uint64(i+1), "", "partition", "kill", "pause", "kill:all")
					cfg.TimeLimit, cfg.Interval, cfg.Rate, cfg.Workers = 10*time.Second, 2*time.Second, 100, 9
					r := &record{}
					cfg.History = r
					if _, err := simulate.Run(t.Context(), cfg); err != nil {
						t.Fatal(err)
					}
					h := r.hash(t)
					if round == 0 {
						hashes[i] = h
					} else if h != hashes[i] {
						t.Errorf("the first time its history was %s, and now it is %s", hashes[i], h)
					}
				})
			}
		})
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(hashes)))
	if len(sorted) != seeds {
		t.Errorf("%d seeds gave %d histories: the hash sees nothing", seeds, len(sorted))
	}
}
