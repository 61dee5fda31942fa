package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

const (
	// WarmUp is how long clients run before the first fault, as in a real run.
	WarmUp = 2 * time.Second
	// readyFor and recoverFor bound how long the store may take to serve, at the beginning and after healing.
	readyFor   = 30 * time.Second
	recoverFor = 60 * time.Second
	// pulse is how often it is asked whether it serves.
	pulse = 100 * time.Millisecond
)

// Config is a run. Zeros mean: 3 nodes, 3 clients a node, 60 s, 1 s for an operation, a fault each 20 s.
type Config struct {
	Nodes     int
	Workers   int
	Seed      uint64
	Bug       string
	Workload  workloads.Workload
	Params    history.Params
	Faults    []nemesis.Asked
	TimeLimit time.Duration
	OpTimeout time.Duration
	Interval  time.Duration
	Overlap   bool // let a fault go on into the next one
	MaxHarmed int  // how many nodes all faults in force may harm together; as in nemesis.Config
	Rate      float64

	History sched.Appender
	Save    func(history.Plan, []history.Window) error // called at each change of a window; nil for nobody
	OnOp    func(history.Op)
}

func (c Config) withDefaults() Config {
	if c.Nodes == 0 {
		c.Nodes = 3
	}
	if c.Workers == 0 {
		c.Workers = 3 * c.Nodes
	}
	for _, d := range []struct {
		at *time.Duration
		to time.Duration
	}{{&c.TimeLimit, time.Minute}, {&c.OpTimeout, time.Second}, {&c.Interval, 20 * time.Second}} {
		if *d.at == 0 {
			*d.at = d.to
		}
	}
	return c
}

// Outcome is what a run left beside its history.
type Outcome struct {
	Plan     history.Plan
	Windows  []history.Window
	Checkers []string
	Logs     map[string]string // by node
	Crashes  map[string]int    // how often a replica ended by itself, by node
	Virtual  time.Duration     // how long it all took in the simulated world
}

// run is a run on its way.
type run struct {
	cfg   Config
	store *sample.Store
	world *sample.World
	c     *cluster.Cluster
	s     *sched.Scheduler
	plan  history.Plan
	errs  []error // of Save
	nem   nemeses
}

// Run does the run. The Outcome holds what there is also when there is an error.
func Run(ctx context.Context, cfg Config) (Outcome, error) {
	cfg = cfg.withDefaults()
	r := &run{cfg: cfg}
	built, err := r.prepare()
	if err != nil {
		return Outcome{}, fmt.Errorf("prepare the simulation: %w", err)
	}
	err = r.drive(ctx, built)
	out := Outcome{Plan: r.plan, Windows: r.nem.windows(), Checkers: built.Checkers, Logs: map[string]string{}, Crashes: r.store.Crashes(), Virtual: r.world.Now()}
	for _, n := range r.store.Names() {
		if out.Logs[n], err = r.log(n, err); err != nil {
			return out, err
		}
	}
	return out, err
}

func (r *run) log(node string, before error) (string, error) {
	text, err := r.store.Log(node)
	return text, errors.Join(before, err)
}

func (r *run) prepare() (b workloads.Built, err error) {
	cfg := r.cfg
	if r.store, err = sample.New(sample.Config{Nodes: cfg.Nodes, Seed: cfg.Seed, Bug: cfg.Bug, Params: cfg.Params}); err != nil {
		return b, err
	}
	r.c = sample.NewHost(r.store).Cluster("simulated")
	for _, n := range r.c.Nodes {
		if err := r.store.Start(n.Name()); err != nil {
			return b, err
		}
	}
	object := cfg.Workload.Object
	r.world = sample.NewWorld(r.store, object, cfg.OpTimeout)
	params := history.Params{"object": object}
	for k, v := range cfg.Params {
		params[k] = v
	}
	if b, err = cfg.Workload.Build(workloads.Options{
		RunID: fmt.Sprintf("s%x", cfg.Seed), Nodes: r.c.Names(), Workers: cfg.Workers, Rate: cfg.Rate, Params: params,
	}); err != nil {
		return b, err
	}
	r.s, err = sched.New(sched.Config{
		Cluster: r.c, Object: object, Workers: cfg.Workers, Seed: cfg.Seed, OpTimeout: cfg.OpTimeout, History: cfg.History, OnOp: cfg.OnOp, World: r.world,
	})
	if err != nil {
		return b, err
	}
	r.plan = history.Plan{Nodes: r.c.Names(), Planned: map[string]int{}, Final: history.Never}
	for _, f := range cfg.Faults {
		r.plan.Faults = append(r.plan.Faults, f.Name())
		if err := nemesis.Refuse(f.Kind, r.c); err != nil {
			return b, err
		}
	}
	return b, nil
}

// drive does the phases of a run.
func (r *run) drive(ctx context.Context, built workloads.Built) error {
	if err := r.until(ctx, readyFor, r.serves); err != nil {
		return fmt.Errorf("wait for the store: %w", err)
	}
	entries := nemesis.Schedule(r.cfg.Faults, nemesis.Timing{Length: r.cfg.TimeLimit - WarmUp, Interval: r.cfg.Interval, Overlap: r.cfg.Overlap, Seed: r.cfg.Seed})
	began := r.world.Now() + WarmUp
	for _, e := range entries {
		r.plan.Planned[e.Fault.Name()]++
		r.world.At(began+e.At, func() { r.begin(ctx, e) })
	}
	if err := r.s.Run(ctx, workloads.TimeLimit(r.cfg.TimeLimit, built.Main)); err != nil {
		return err
	}
	r.nem.healAll(r, ctx)
	if err := r.until(ctx, recoverFor, func() error { return errors.Join(r.nem.gone(), r.serves()) }); err != nil {
		return fmt.Errorf("wait for the store after healing: %w", err)
	}
	if err := r.s.Run(ctx, workloads.Sleep(r.c.Grace)); err != nil {
		return err
	}
	r.plan.Final = r.s.Point()
	r.save()
	if built.Final != nil {
		if err := r.s.Run(ctx, built.Final); err != nil {
			return err
		}
	}
	return errors.Join(r.errs...)
}

// until lets time pass until ok has no error.
func (r *run) until(ctx context.Context, most time.Duration, ok func() error) error {
	for end := r.world.Now() + most; ; {
		err := ok()
		if err == nil {
			return nil
		}
		if r.world.Now() >= end {
			return err
		}
		if err := r.s.Run(ctx, workloads.Sleep(pulse)); err != nil {
			return err
		}
	}
}

// serves is nil when every replica does.
func (r *run) serves() error {
	var errs []error
	for _, n := range r.store.Names() {
		errs = append(errs, r.store.Ready(n))
	}
	return errors.Join(errs...)
}

func (r *run) save() {
	if r.cfg.Save == nil {
		return
	}
	if err := r.cfg.Save(r.plan, r.nem.windows()); err != nil {
		r.errs = append(r.errs, fmt.Errorf("save the faults: %w", err))
	}
}
