package sched

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// forever is the time of a wait that only a completion ends.
const forever = time.Duration(math.MaxInt64)

// Scheduler drives clients by a generator and writes the history. Its clock begins with New.
type Scheduler struct {
	cfg   Config
	specs map[string]clients.OpSpec
	world workloads.World
	real  *goroutines // world, when it is this package's own

	view workloads.Ctx
	busy []history.Op // by worker+1: the open operation; no Type: none
	open int

	record struct { // whoever writes an event holds mu, so that index, time and place in the file agree
		mu   sync.Mutex
		next int64
		last time.Duration
	}
	counts struct{ ok, fail, info, open atomic.Int64 }
}

// New makes a Scheduler; a driver that lacks an operation is an error that says which it has. Close it in the end.
func New(cfg Config) (*Scheduler, error) {
	cfg = cfg.withDefaults()
	specs := cfg.specs()
	if err := cfg.check(specs); err != nil {
		return nil, fmt.Errorf("prepare the workload: %w", err)
	}
	s := &Scheduler{cfg: cfg, specs: specs, world: cfg.World, busy: make([]history.Op, cfg.Workers+1)}
	if s.world == nil {
		s.real = newGoroutines(cfg, s.specs)
		s.world = s.real
	}
	s.view.Seed = cfg.Seed
	for w := range cfg.Workers {
		s.view.Workers = append(s.view.Workers, workloads.Worker{Process: int32(w), Node: cfg.node(w)})
		s.view.Free = append(s.view.Free, w)
	}
	s.view.Nemesis = cfg.Nemesis != nil || cfg.World != nil
	return s, nil
}

// Run invokes gen's operations until it is done and all of them are completed. It can be called again, for a final phase:
// processes, counts, indices and the clock go on. When ctx ends, no more is invoked, the open operations have one
// more OpTimeout before they are info, and ctx's error is returned.
func (s *Scheduler) Run(ctx context.Context, gen workloads.Generator) error {
	if s.real != nil {
		s.real.begin(ctx)
		defer context.AfterFunc(ctx, s.real.wake)()
	}
	err := s.drive(ctx, gen)
	if late := s.drain(ctx, gen); err == nil {
		err = late // a history that cannot be written to fails again at each completion: once is enough
	}
	if err != nil {
		return fmt.Errorf("run the workload: %w", err)
	}
	return nil
}

// drive goes on until the generator is done, something failed, or ctx ended.
func (s *Scheduler) drive(ctx context.Context, gen workloads.Generator) error {
	for {
		for {
			op, ok := s.world.Next(0)
			if !ok {
				break
			}
			if err := s.complete(gen, op); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.view.Now = s.world.Now()
		op, at, status := gen.Next(&s.view)
		switch status {
		case workloads.Done:
			return nil
		case workloads.Ready:
			if at <= s.view.Now {
				if err := s.invoke(gen, op); err != nil {
					return err
				}
				continue
			}
		case workloads.Pending:
			if at == 0 {
				at = forever
			}
			at = max(at, s.view.Now+time.Millisecond) // to be asked again at once would be a busy loop
			if at == forever && s.open == 0 {
				return errors.New("the generator waits for a completion, and no operation is open: it would wait for ever")
			}
		}
		if err := s.await(gen, at); err != nil {
			return err
		}
	}
}

// await takes a completion if there is one until the given time.
func (s *Scheduler) await(gen workloads.Generator, until time.Duration) error {
	op, ok := s.world.Next(until)
	if ok {
		return s.complete(gen, op)
	}
	if until == forever && s.real == nil {
		return fmt.Errorf("%d operations are open, and the world has no completion for them", s.open)
	}
	return nil
}

// drain waits for the open operations. That one cannot be recorded does not keep it from waiting for the others.
func (s *Scheduler) drain(ctx context.Context, gen workloads.Generator) (first error) {
	hurried := false
	for s.open > 0 {
		if s.real != nil && ctx.Err() != nil && !hurried {
			hurried = true
			s.real.hurry(s.world.Now() + s.cfg.OpTimeout + s.cfg.OpTimeout/10)
		}
		before := s.open
		err := s.await(gen, forever)
		if first == nil {
			first = err
		}
		if err != nil && s.open == before {
			break
		}
	}
	return first
}

// invoke stamps and writes an invocation, and then gives it to its client.
func (s *Scheduler) invoke(gen workloads.Generator, op history.Op) error {
	w := s.view.WorkerOf(op.Process)
	op = history.Op{Process: op.Process, Type: history.Invoke, F: op.F, Key: op.Key, Value: op.Value}
	at := -1
	if w >= 0 {
		at = slices.Index(s.view.Free, w)
		if at < 0 || s.view.Workers[w].Process != op.Process {
			return fmt.Errorf("the generator gave %s to process %d, which is not free", op.F, op.Process)
		}
		if _, ok := s.specs[op.F]; !ok && s.real != nil {
			return s.cfg.lacks(op.F, s.specs)
		}
		op.Node = s.view.Workers[w].Node
	} else if !s.view.Nemesis {
		return fmt.Errorf("the generator gave %s to the nemesis, which is not free", op.F)
	}
	op, err := s.write(op)
	if err != nil {
		return err
	}
	gen.Update(&s.view, op)
	if w >= 0 {
		s.view.Free = slices.Delete(s.view.Free, at, at+1)
		s.view.Workers[w].N++
		s.counts.open.Add(1)
	} else {
		s.view.Nemesis = false
	}
	s.open++
	s.busy[w+1] = op
	s.world.Submit(w, op)
	return nil
}

// complete stamps and writes a completion, tells the generator, and frees the worker.
func (s *Scheduler) complete(gen workloads.Generator, op history.Op) error {
	w := s.view.WorkerOf(op.Process)
	inv := s.busy[w+1]
	if inv.Type == 0 || inv.Process != op.Process {
		return fmt.Errorf("the world completed %s of process %d, which has no open operation", op.F, op.Process)
	}
	op.F, op.Key, op.Node = inv.F, inv.Key, inv.Node
	s.busy[w+1] = history.Op{}
	s.open--
	op, err := s.write(op)
	gen.Update(&s.view, op)
	if w < 0 {
		s.view.Nemesis = true
		return err
	}
	if op.Type == history.Info {
		s.view.Workers[w].Process += int32(len(s.view.Workers))
	}
	s.view.Free = append(s.view.Free, w)
	s.counts.open.Add(-1)
	switch op.Type {
	case history.OK:
		s.counts.ok.Add(1)
	case history.Fail:
		s.counts.fail.Add(1)
	case history.Info:
		s.counts.info.Add(1)
	}
	return err
}

// write gives an event its index and time and appends it to the history.
func (s *Scheduler) write(op history.Op) (history.Op, error) {
	r := &s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last, s.world.Now())
	op.Index, op.Time = r.next, r.last
	if err := s.cfg.History.Append(op); err != nil {
		return op, err
	}
	r.next++
	if s.cfg.OnOp != nil {
		s.cfg.OnOp(op)
	}
	return op, nil
}

// Inject writes an event of the nemesis, from any goroutine, whether Run is running or not.
func (s *Scheduler) Inject(op history.Op) {
	op.Process = history.Nemesis
	if _, err := s.write(op); err != nil {
		s.cfg.Log.Error("an event of the nemesis could not be recorded", "f", op.F, "error", err)
	}
}

// Point is where the history is now: the index of the next event, and the time. Any goroutine may ask.
func (s *Scheduler) Point() history.Point {
	r := &s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = max(r.last, s.world.Now())
	return history.Point{Index: r.next, Time: r.last}
}

// Counts are the clients' operations so far. Any goroutine may ask.
func (s *Scheduler) Counts() Counts {
	var c Counts
	c.OK, c.Fail, c.Info, c.Open = s.counts.ok.Load(), s.counts.fail.Load(), s.counts.info.Load(), s.counts.open.Load()
	if s.real != nil {
		c.Left = s.real.left.Load()
	}
	return c
}

// Close ends the workers and closes their connections. The error says how many clients did not come back.
func (s *Scheduler) Close() error {
	if s.real == nil {
		return nil
	}
	return s.real.close()
}
