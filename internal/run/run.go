package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/store"
)

// EnvironmentError is a run that could not be done or not be ended as it should: cluster, SSH, healing, disk.
type EnvironmentError struct {
	Phase string
	Err   error
}

func (e *EnvironmentError) Error() string { return e.Phase + ": " + e.Err.Error() }
func (e *EnvironmentError) Unwrap() error { return e.Err }

// Outcome is what a run left.
type Outcome struct {
	Dir         string // the run's folder, "" when not even that could be made
	Meta        store.Meta
	Verdict     store.Verdict
	Interrupted bool
}

// runner is one run on its way.
type runner struct {
	cfg  Config
	dir  *store.Dir
	log  *slog.Logger
	meta store.Meta
	plan history.Plan
	errs []error // of phases

	cluster *cluster.Cluster
	deaths  deaths
	whole   bool // everything was recorded, the final reads too
	show    *progress
}

// Run does the run. When ctx ends, it stops invoking, heals, and reports on what was recorded. The error is an
// EnvironmentError, or nil; whatever it is, the Outcome says what exists.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	if err := cfg.Validate(); err != nil {
		return Outcome{}, err
	}
	started := time.Now()
	cfg.Limits = cfg.Limits.withDefaults()
	dir, err := store.Create(cfg.Store, cfg.Target.Name, cfg.Workload.Name, cfg.faultNames(), started)
	if err != nil {
		return Outcome{}, &EnvironmentError{"make the run's folder", err}
	}
	defer func() { _ = dir.Close() }()
	logFile, err := dir.Root().OpenFile(store.LogFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Outcome{Dir: dir.Path, Verdict: nothing(err)}, &EnvironmentError{"open the controller's log", err}
	}
	defer func() { _ = logFile.Close() }()

	r := &runner{cfg: cfg, dir: dir, log: slog.New(slog.NewTextHandler(logFile, nil)), show: newProgress(cfg, dir.Path)}
	defer r.show.close()
	r.plan = history.Plan{Nodes: nodeNames(cfg.Nodes), Faults: cfg.faultNames(), Planned: map[string]int{}, Final: history.Never}
	for _, e := range cfg.schedule() {
		r.plan.Planned[e.Fault.Name()]++
	}
	params := history.Params{"object": cfg.Workload.Object}
	for k, v := range cfg.Params {
		params[k] = v
	}
	r.cfg.Params = params
	r.meta = store.Meta{
		RunID: runID(dir.Path, started), Cluster: cmp.Or(cfg.ClusterID, cluster.NewID()), Version: cfg.Version, Go: runtime.Version(), Target: cfg.Target.Name, Workload: cfg.Workload.Name,
		Faults: cfg.faultNames(), Seed: cfg.Seed, Command: cfg.Command, Started: started.UTC(), Nodes: r.plan.Nodes, Provider: cfg.ProviderName,
		Workers: cfg.Workers, TimeLimit: cfg.TimeLimit, OpTimeout: cfg.OpTimeout, Interval: cfg.Interval, Rate: cfg.Rate, Params: params,
		Checkers: cfg.Checkers, Database: map[string]string{},
	}
	if err := errors.Join(dir.WriteJSON(store.MetaFile, r.meta), dir.Write(store.ReproFile, []byte("#!/bin/sh\nexec "+cfg.Command+"\n")), r.saveFaults(nil)); err != nil {
		return Outcome{Dir: dir.Path, Meta: r.meta, Verdict: nothing(err)}, &EnvironmentError{"write the run's folder", err}
	}

	if cfg.Simulate {
		r.simulate(ctx)
	} else {
		r.record(ctx)
	}
	if ctx.Err() != nil && !r.whole {
		r.void("interrupt", "the run was interrupted before its final reads were done")
	}
	r.meta.Ended = time.Now().UTC()
	verdict := r.judge()
	return Outcome{Dir: dir.Path, Meta: r.meta, Verdict: verdict, Interrupted: ctx.Err() != nil}, r.err()
}

// err is what failed, phase by phase; nil when nothing did.
func (r *runner) err() error {
	var all []error
	for _, e := range r.errs {
		if !errors.Is(e, context.Canceled) {
			all = append(all, e)
		}
	}
	return errors.Join(all...)
}

// phase does one part of the run and keeps how long it took and how it failed.
func (r *runner) phase(name string, f func() error) error {
	r.show.phase(name)
	r.log.Info("phase", "name", name)
	began := time.Now()
	err := guarded(f) // a workload or a target that panics must not keep the faults from being healed
	p := store.Phase{Name: name, Took: time.Since(began)}
	if err != nil {
		p.Err = err.Error()
		if errors.Is(err, context.Canceled) {
			p.Err = "interrupted"
		}
		var panicked *panicked
		if errors.As(err, &panicked) {
			r.log.Error("panic", "phase", name, "stack", string(panicked.stack))
		}
		r.log.Error("phase failed", "name", name, "error", err)
		err = &EnvironmentError{name, err}
		r.errs = append(r.errs, err)
	}
	r.meta.Phases = append(r.meta.Phases, p)
	return err
}

// saveFaults writes faults.json, fsynced; the nemesis calls it before anything happens and at each change.
func (r *runner) saveFaults(ws []history.Window) error {
	defer r.show.tell()
	return r.dir.WriteJSON(store.FaultsFile, store.Faults{Plan: r.plan, Windows: ws})
}

// record does everything up to the verdict. What it could not do is in r.errs.
func (r *runner) record(ctx context.Context) {
	r.show.cluster(r.meta.Cluster)
	err := r.phase("cluster up", func() error { return r.clusterUp(ctx) })
	if r.cluster != nil { // also one that does not fit
		defer func() {
			if r.phase("cluster down", r.clusterDown) == nil {
				r.show.cluster("")
			}
		}()
	} else {
		r.show.cluster("") // a cluster that could not be made leaves nothing
	}
	if err != nil {
		return
	}
	defer func() {
		_ = r.phase("logs", func() error {
			r.collectData()
			return r.collectLogs()
		})
	}()
	if r.phase("set-up", func() error { return r.databaseUp(ctx) }) != nil {
		return
	}
	r.drive(ctx)
}

// judge checks what was recorded and writes verdict, report and JUnit; each of them is written even if another fails.
func (r *runner) judge() store.Verdict {
	v := nothing(nil)
	_ = r.phase("check", func() error {
		// The folder alone decides, so that judging it again gives the same. On a disk that is full what happened in the
		// run is known only here.
		write := r.dir.WriteJSON(store.MetaFile, r.meta)
		// An interrupted run is judged too; only the checkers' own limits end it.
		got, err := judged(context.Background(), r.cfg.Catalog, r.dir, r.meta, CheckOptions{Timeout: r.cfg.CheckTimeout, Memory: r.cfg.CheckMemory})
		if err != nil {
			v = nothing(fmt.Errorf("what was recorded could not be judged: %w", err))
			return errors.Join(write, err)
		}
		v = got
		return write
	})
	v.Seed, v.Command = r.cfg.Seed, r.cfg.Command
	if v.Verdict == checker.Valid {
		if err := r.dir.Root().RemoveAll(store.DataDir); err != nil {
			r.log.Warn("the data folders of a valid run are still there", "error", err)
		}
	}
	_ = r.phase("report", func() error {
		return errors.Join(r.dir.WriteJSON(store.MetaFile, r.meta), r.dir.WriteJSON(store.VerdictFile, v), report.Write(r.dir), report.JUnit(r.dir))
	})
	return v
}

// nothing is the verdict where nothing could be judged.
func nothing(why error) store.Verdict {
	v := store.Verdict{Verdict: checker.Unknown, Summary: "Nothing was recorded, so nothing was tested."}
	if why != nil {
		v.Summary = "There is no verdict: " + why.Error() + "."
		v.Errors = []string{why.Error()}
	}
	return v
}

// void notes why a run does not count although every phase was done. It is kept with the phases, where whoever judges
// the folder finds it.
func (r *runner) void(name, why string) {
	r.log.Warn("the run does not count", "name", name, "why", why)
	r.meta.Phases = append(r.meta.Phases, store.Phase{Name: name, Err: why})
}

// runID is short, fit for a key, and another one for each run against the same database.
func runID(path string, started time.Time) string {
	return fmt.Sprintf("r%x", uint32(started.UnixNano()>>10)^hash(path))
}

func hash(s string) (h uint32) {
	h = 2166136261
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// collectLogs copies the database's logs of each node, the end of them when they are long. A node that cannot
// be reached does not keep the others' from being collected.
func (r *runner) collectLogs() error {
	lf, ok := r.cluster.DB.(cluster.LogFiles)
	if !ok {
		return nil
	}
	const most = 16 << 20
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	for _, n := range r.cluster.Nodes {
		files, ok := n.(cluster.Files)
		if !ok {
			continue
		}
		for _, path := range lf.LogFiles(n) {
			errs = append(errs, r.collectLog(ctx, n.Name(), files, path, most))
		}
	}
	return errors.Join(errs...)
}

func (r *runner) collectLog(ctx context.Context, node string, files cluster.Files, path string, most int64) error {
	rel := filepath.Join(store.LogsDir, node, filepath.Base(path))
	if err := r.dir.Root().MkdirAll(filepath.Dir(rel), 0o755); err != nil {
		return err
	}
	f, err := r.dir.Root().OpenFile(rel, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = files.Get(ctx, path, f, most)
	return errors.Join(err, f.Close())
}
