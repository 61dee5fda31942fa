// Package track keeps the tester's own record: which of the sample's bugs it finds, how soon, under which name, and
// whether it ever accuses a store that is correct.
package track

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/sample/simulate"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Options are how much is tried.
type Options struct {
	Seeds    int // for each bug
	Clean    int // runs of the correct store, over all workloads and faults
	Parallel int
	Log      func(string)

	Bugs   []sample.Bug // nil: all of them
	Faults [][]string   // of the clean runs; nil: all that are worth it
}

// BugRow is what became of one bug.
type BugRow struct {
	Bug   sample.Bug
	Found int // runs that ended invalid
	Named int // and named an anomaly that this bug may have
	Names []string
	First time.Duration // median virtual time of the run until the first anomaly was complete
}

// CleanRow is what became of runs of the correct store.
type CleanRow struct {
	Workload, Faults     string
	Runs, Valid, Accused int
	Others               []string // verdicts of runs that were neither, with the reason
}

// Record is the whole record.
type Record struct {
	Options Options
	Bugs    []BugRow
	Clean   []CleanRow
	Events  int64         // of all histories
	Took    time.Duration // of all runs and their checking, summed over workers
}

// faultSets are the faults of the clean runs.
var faultSets = [][]string{
	nil, {"partition"}, {"partition:primaries"}, {"partition:majorities-ring"}, {"partition:one-way"}, {"kill"}, {"kill:all"}, {"kill:primaries"},
	{"pause"}, {"pause:primaries"}, {"stop"}, {"partition", "kill", "pause"},
}

// cleanParams are what short runs need: locks that are given back within a fault.
var cleanParams = map[string]history.Params{"lock": {"hold": "1s"}, "queue": {"delivery": "exactly-once"}}

// one is a run and its judgement.
type one struct {
	verdict checker.Verdict
	names   []string
	first   time.Duration
	why     string
}

// Run makes the record. The draws of each run come from its seed: the same Options give the same record.
func Run(ctx context.Context, cat *catalog.Catalog, o Options) (Record, error) {
	began := time.Now()
	if o.Bugs == nil {
		o.Bugs = sample.Bugs()
	}
	if o.Faults == nil {
		o.Faults = faultSets
	}
	rec := Record{Options: o}
	var events atomic.Int64
	target, err := cat.Target("sample")
	if err != nil {
		return rec, err
	}
	for _, b := range o.Bugs {
		runs := make([]one, o.Seeds)
		if err := each(ctx, o.Parallel, o.Seeds, func(ctx context.Context, i int) (err error) {
			runs[i], err = try(ctx, cat, target, b.Workload, b.Faults, b.Params, uint64(i+1), b.Name, &events)
			return err
		}); err != nil {
			return rec, fmt.Errorf("try %s: %w", b.Name, err)
		}
		rec.Bugs = append(rec.Bugs, bugRow(b, runs))
		row := rec.Bugs[len(rec.Bugs)-1]
		o.Log(fmt.Sprintf("%s: found in %d of %d, named in %d: %s", b.Name, row.Found, o.Seeds, row.Named, strings.Join(row.Names, ", ")))
	}
	ws, err := cat.WorkloadsFor(target)
	if err != nil {
		return rec, err
	}
	for _, w := range ws {
		for _, fs := range o.Faults {
			n := max(1, o.Clean/(len(ws)*len(o.Faults)))
			row := CleanRow{Workload: w.Name, Faults: strings.Join(fs, ","), Runs: n}
			runs := make([]one, n)
			if err := each(ctx, o.Parallel, n, func(ctx context.Context, i int) (err error) {
				runs[i], err = try(ctx, cat, target, w.Name, fs, cleanParams[w.Name], uint64(1000+i), "", &events)
				return err
			}); err != nil {
				return rec, fmt.Errorf("try %s under %s: %w", w.Name, row.Faults, err)
			}
			for _, r := range runs {
				switch r.verdict {
				case checker.Valid:
					row.Valid++
				case checker.Invalid:
					row.Accused++
					row.Others = append(row.Others, fmt.Sprintf("invalid: %s", r.why))
				default:
					row.Others = append(row.Others, fmt.Sprintf("%s: %s", r.verdict, r.why))
				}
			}
			rec.Clean = append(rec.Clean, row)
			o.Log(fmt.Sprintf("clean %s under %s: %d of %d valid", w.Name, row.Faults, row.Valid, n))
		}
	}
	rec.Events, rec.Took = events.Load(), time.Since(began)
	return rec, nil
}

func each(ctx context.Context, parallel, n int, f func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, parallel))
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

// events is a history in memory.
type events struct{ ops []history.Op }

func (e *events) Append(op history.Op) error {
	e.ops = append(e.ops, op)
	return nil
}

// interval is from one fault to the next: long enough for each side of it to be tried.
const interval = 9 * time.Second

// try does one run, with two faults or as many as are asked for, and judges it by the workload's checkers.
func try(ctx context.Context, cat *catalog.Catalog, t catalog.Target, workload string, faults []string, params history.Params, seed uint64, bug string, count *atomic.Int64) (one, error) {
	w, err := cat.Workload(t, workload)
	if err != nil {
		return one{}, err
	}
	params = withDefaults(w, params)
	const nodes = 3
	fs, err := cat.ParseFaults(faults, []string{"n1", "n2", "n3"})
	if err != nil {
		return one{}, err
	}
	h := &events{}
	cfg := simulate.Config{
		Nodes: nodes, Workers: 6 * nodes, Seed: seed, Bug: bug, Workload: w, Params: params, Rate: 1000,
		TimeLimit: simulate.WarmUp + time.Duration(max(2, len(faults)))*interval, Interval: interval, OpTimeout: 400 * time.Millisecond, History: h,
	}
	for _, f := range fs {
		cfg.Faults = append(cfg.Faults, nemesis.Asked(f))
	}
	out, err := t.Simulate(ctx, cfg)
	r := one{}
	if err != nil { // of a store that does not come back: what was recorded is judged
		r.why = err.Error()
	}
	count.Add(int64(len(h.ops)))
	v, err := history.NewView(h.ops)
	if err != nil {
		return r, err
	}
	var verdicts []checker.Verdict
	if r.why != "" {
		verdicts = append(verdicts, checker.Unknown)
	}
	for _, name := range out.Checkers {
		s, err := cat.Checker(name)
		if err != nil {
			return r, err
		}
		res := s.Checker.Check(ctx, checker.Input{History: v, Plan: &out.Plan, Windows: out.Windows, Params: params})
		verdicts = append(verdicts, res.Verdict)
		if res.Verdict != checker.Valid {
			r.why = strings.TrimSpace(r.why + " " + name + ": " + res.Reason)
		}
		for _, a := range res.Anomalies {
			r.anomaly(a, h.ops)
		}
	}
	r.verdict = checker.Merge(verdicts...)
	return r, nil
}

// withDefaults gives the parameters of a run in which no flag of the workload was given but for some.
func withDefaults(w workloads.Workload, some history.Params) history.Params {
	p := history.Params{}
	if w.Flags != nil {
		fs := pflag.NewFlagSet(w.Name, pflag.ContinueOnError)
		w.Flags(fs)
		fs.VisitAll(func(f *pflag.Flag) { p[f.Name] = f.DefValue })
	}
	maps.Copy(p, some)
	return p
}

func (r *one) anomaly(a checker.Anomaly, ops []history.Op) {
	if !slices.Contains(r.names, a.Name) {
		r.names = append(r.names, a.Name)
	}
	if len(a.Ops) == 0 {
		return
	}
	if last := slices.Max(a.Ops); last < int64(len(ops)) {
		if t := ops[last].Time; r.first == 0 || t < r.first {
			r.first = t
		}
	}
}

func bugRow(b sample.Bug, runs []one) BugRow {
	row := BugRow{Bug: b}
	var firsts []time.Duration
	for _, r := range runs {
		if r.verdict != checker.Invalid {
			continue
		}
		row.Found++
		if slices.ContainsFunc(r.names, func(n string) bool { return slices.Contains(b.Anomalies, n) }) {
			row.Named++
		}
		for _, n := range r.names {
			if !slices.Contains(row.Names, n) {
				row.Names = append(row.Names, n)
			}
		}
		firsts = append(firsts, r.first)
	}
	slices.Sort(row.Names)
	slices.Sort(firsts)
	if len(firsts) > 0 {
		row.First = firsts[len(firsts)/2]
	}
	return row
}
