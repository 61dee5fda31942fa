package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/internal/store"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// drive does the phases in which clients run: warm-up and main with the nemesis beside them, heal, recovery, final
// reads. The history is closed, compressed and safe when it returns, whatever happened.
func (r *runner) drive(ctx context.Context) {
	path := filepath.Join(r.dir.Path, store.HistoryFile)
	create := history.Create
	if r.cfg.Create != nil {
		create = r.cfg.Create
	}
	file, err := create(path)
	if err != nil {
		_ = r.phase("history", func() error { return err })
		return
	}
	defer func() {
		_ = r.phase("history", func() error {
			if err := file.Close(); err != nil {
				return err
			}
			return history.Compress(path)
		})
	}()

	var (
		s     *sched.Scheduler
		built workloads.Built
	)
	if r.phase("clients", func() (err error) {
		built, s, err = r.clients(ctx, file)
		return err
	}) != nil {
		return
	}
	defer func() {
		if err := s.Close(); err != nil {
			r.log.Warn("clients did not end", "error", err)
		}
	}()
	r.meta.Checkers = built.Checkers
	if err := r.dir.WriteJSON(store.MetaFile, r.meta); err != nil { // a controller that dies now must leave a run that can be checked
		_ = r.phase("clients", func() error { return err })
		return
	}

	nem := nemesis.NewRunner(nemesis.Config{
		Cluster: r.cluster, Point: s.Point, Inject: s.Inject, Save: r.saveFaults, Log: r.log, Seed: r.cfg.Seed,
		RecoverFor: r.cfg.Limits.Recover, MaxHarmed: r.cfg.MaxHarmed,
		OK:   func() int64 { return s.Counts().OK },
		Dead: func() []string { return r.deaths.nodes(0) },
	})
	r.show.watch(s, nem)
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	watching := make(chan struct{})
	go func() { defer close(watching); r.watchDaemons(watchCtx, nem, s.Inject) }()
	main := r.phase("main", func() error { return r.main(ctx, file, s, nem, built.Main) })
	// Healing outlives cancellation and everything that went wrong before.
	heal := r.phase("heal", func() error { return nem.HealAll(context.WithoutCancel(ctx)) })
	defer func() {
		stop()
		<-watching
		r.casualties()
	}()
	if main != nil || heal != nil || ctx.Err() != nil {
		return
	}
	served := false
	if r.phase("recovery", func() (err error) {
		served, err = r.recovery(ctx)
		return err
	}) != nil || !served {
		return
	}
	r.whole = r.phase("final", func() error { return r.final(ctx, s, nem, built.Final) }) == nil
}

// clients prepares the driver, the workload and the scheduler.
func (r *runner) clients(ctx context.Context, file *history.Writer) (b workloads.Built, s *sched.Scheduler, err error) {
	driver, err := r.cfg.Target.Driver(r.cfg.Params)
	if err != nil {
		return b, nil, err
	}
	if err := bounded(ctx, r.cfg.Limits.Prepare, func(ctx context.Context) error { return driver.Setup(ctx, r.cluster, r.cfg.Params) }); err != nil {
		return b, nil, fmt.Errorf("prepare %s for its clients: %w", r.cfg.Target.Name, err)
	}
	b, err = r.cfg.Workload.Build(workloads.Options{
		RunID: r.meta.RunID, Nodes: r.cluster.Names(), Workers: r.cfg.Workers, Rate: r.cfg.Rate, Params: r.cfg.Params,
	})
	if err != nil {
		return b, nil, err
	}
	if len(r.cfg.Checkers) > 0 {
		b.Checkers = r.cfg.Checkers
	}
	s, err = sched.New(sched.Config{
		Cluster: r.cluster, Driver: driver, Object: r.cfg.Workload.Object, Ops: r.cfg.Workload.Ops, Workers: r.cfg.Workers, Seed: r.cfg.Seed, OpTimeout: r.cfg.OpTimeout, History: file, Log: r.log, OnOp: r.cfg.OnOp,
	})
	return b, s, err
}

// main drives clients for the time limit, and from the end of the warm-up the nemesis beside them.
func (r *runner) main(ctx context.Context, file *history.Writer, s *sched.Scheduler, nem *nemesis.Runner, gen workloads.Generator) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	broken := make(chan error, 1)
	go func() { broken <- guarded(func() error { return r.nemesis(ctx, s, nem) }) }()
	defer func() { // also when a generator panics: nothing may begin a fault beside the healing
		cancel(nil)
		err = errors.Join(err, <-broken)
	}()
	go func() {
		select {
		case <-file.Failed():
			cancel(fmt.Errorf("write the history: %w", file.Err()))
		case <-ctx.Done():
		}
	}()
	err = s.Run(ctx, workloads.TimeLimit(r.cfg.TimeLimit, gen))
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// nemesis waits for the warm-up and then does the schedule. Its errors end no run: they are in the windows.
func (r *runner) nemesis(ctx context.Context, s *sched.Scheduler, nem *nemesis.Runner) error {
	plan := r.cfg.schedule()
	if len(plan) == 0 || !r.warm(ctx, s) {
		return nil
	}
	nem.Play(ctx, plan)
	return nil
}

// warm waits until the clients were seen to make progress at the minimum rate; false when they never did, which
// the coverage checker will say from the history.
func (r *runner) warm(ctx context.Context, s *sched.Scheduler) bool {
	const step = 100 * time.Millisecond
	deadline := time.Now().Add(warmUpMost)
	need := int64(minRate * minRateFor.Seconds())
	var marks []int64 // ok counts, one a step
	span := int(minRateFor / step)
	for {
		marks = append(marks, s.Counts().OK)
		if n := len(marks); n > span && marks[n-1]-marks[n-1-span] >= need {
			return true
		}
		if time.Now().After(deadline) {
			r.log.Warn("clients never reached the minimum rate, so no fault was begun", "ok a second", minRate)
			return false
		}
		if !sleepUntil(ctx, time.Now().Add(step)) {
			return false
		}
	}
}

// recovery waits until every node serves again, and then for the grace that the database wants. A node whose database died
// by itself is waited for by nobody: false, and the run ends without final reads, since what they did not find would accuse
// a database of what may have been done to it.
func (r *runner) recovery(ctx context.Context) (served bool, err error) {
	all, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		for sleepUntil(all, time.Now().Add(aliveEvery/10)) {
			if dead := r.deaths.nodes(deadFor); len(dead) > 0 {
				cancel(fmt.Errorf("%w on %s", errDied, strings.Join(dead, ", ")))
			}
		}
	}()
	err = eachNode(all, r.cluster, func(ctx context.Context, n cluster.Node) error {
		if err := waitReady(ctx, r.cluster, n, r.cfg.Limits.Recover); err != nil {
			return fmt.Errorf("%s on %s after healing: %w", r.cfg.Target.Name, n.Name(), err)
		}
		return nil
	})
	if cause := context.Cause(all); err != nil && errors.Is(cause, errDied) {
		r.log.Warn("nobody waits for the nodes to serve, and nothing is read in the end", "why", cause)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(r.cfg.Faults) > 0 {
		sleepUntil(ctx, time.Now().Add(r.cluster.Grace))
	}
	return true, ctx.Err()
}

// errDied is why nobody waits for a node.
var errDied = errors.New("the database died by itself")

// final marks where the final phase begins and does its reads.
func (r *runner) final(ctx context.Context, s *sched.Scheduler, nem *nemesis.Runner, gen workloads.Generator) error {
	r.plan.Final = s.Point()
	if err := r.saveFaults(nem.Windows()); err != nil {
		return err
	}
	if gen == nil {
		return nil
	}
	return s.Run(ctx, gen)
}

// sleepUntil waits for a time of the schedule; false when ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
