package sched

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// goroutines is the World of real clients. Its methods belong to the scheduler's goroutine, except wake and left.
type goroutines struct {
	cfg   Config
	specs map[string]clients.OpSpec
	start time.Time

	workers []*worker // nil where none is running: not yet, or it was abandoned
	open    []task    // by worker+1; seq 0: nothing is open
	seq     uint64
	watch   []watch // in the order of their deadlines
	cap     time.Duration
	timer   *time.Timer

	answers chan answer
	woken   chan struct{}
	run     context.Context // of Run, for the nemesis

	base context.Context // ends with close
	end  context.CancelFunc
	wg   sync.WaitGroup // goroutines that were not abandoned
	left atomic.Int64
}

// task is an operation under way. Its number tells its answer from the late one of an earlier task.
type task struct {
	op  history.Op
	seq uint64
}

type answer struct {
	worker int
	seq    uint64
	op     history.Op
}

type watch struct {
	worker   int
	seq      uint64
	deadline time.Duration
}

func newGoroutines(cfg Config, specs map[string]clients.OpSpec) *goroutines {
	n := cfg.Workers
	g := &goroutines{
		cfg: cfg, specs: specs, start: time.Now(), cap: forever,
		workers: make([]*worker, n), open: make([]task, n+1), answers: make(chan answer, n+1), woken: make(chan struct{}, 1),
		timer: time.NewTimer(time.Hour),
	}
	g.timer.Stop()
	g.base, g.end = context.WithCancel(context.Background())
	return g
}

// begin is the beginning of a Run.
func (g *goroutines) begin(ctx context.Context) { g.run, g.cap = ctx, forever }

// wake ends a Next that waits.
func (g *goroutines) wake() {
	select {
	case g.woken <- struct{}{}:
	default:
	}
}

// hurry abandons at the given time what is still open then.
func (g *goroutines) hurry(until time.Duration) { g.cap = until }

func (g *goroutines) Now() time.Duration { return time.Since(g.start) }

func (g *goroutines) Submit(n int, op history.Op) {
	g.seq++
	t := task{op, g.seq}
	g.open[n+1] = t
	if n < 0 {
		g.nemesis(t)
		return
	}
	limit := g.cfg.DialTimeout + g.cfg.OpTimeout + g.cfg.Grace
	g.watch = append(g.watch, watch{n, t.seq, g.Now() + limit})
	if g.workers[n] == nil {
		g.workers[n] = newWorker(g, n)
		g.wg.Add(1)
		go g.workers[n].loop()
	}
	g.workers[n].tasks <- t
}

// nemesis performs an operation of the nemesis.
func (g *goroutines) nemesis(t task) {
	ctx := g.run
	g.wg.Go(func() {
		op := t.op
		op.Type, op.Value = history.Info, g.cfg.Nemesis(ctx, t.op)
		select {
		case g.answers <- answer{-1, t.seq, op}:
		case <-g.base.Done():
		}
	})
}

func (g *goroutines) Next(until time.Duration) (history.Op, bool) {
	for {
		select {
		case a := <-g.answers:
			if g.take(a.worker, a.seq) {
				return a.op, true
			}
			continue
		default:
		}
		now := g.Now()
		first := g.firstDeadline()
		if first <= now {
			return g.abandon(), true
		}
		if until <= now {
			return history.Op{}, false
		}
		var over <-chan time.Time
		if wait := min(until, first); wait < forever {
			g.timer.Reset(wait - now)
			over = g.timer.C
		}
		select {
		case a := <-g.answers:
			if g.take(a.worker, a.seq) {
				return a.op, true
			}
		case <-over:
		case <-g.woken:
			return history.Op{}, false
		}
	}
}

// take closes a task; false when it is not open any more: its answer is too late.
func (g *goroutines) take(worker int, seq uint64) bool {
	if g.open[worker+1].seq != seq {
		return false
	}
	g.open[worker+1] = task{}
	return true
}

// firstDeadline is when the next task is to be abandoned; forever when none is. The nemesis bounds its operations
// itself, so only the end of the run does it for them.
func (g *goroutines) firstDeadline() time.Duration {
	for len(g.watch) > 0 && g.open[g.watch[0].worker+1].seq != g.watch[0].seq {
		g.watch = g.watch[1:]
	}
	switch {
	case len(g.watch) > 0:
		return min(g.watch[0].deadline, g.cap)
	case g.open[0].seq != 0:
		return g.cap
	}
	return forever
}

// abandon gives up on the task whose deadline is the first: the client is left behind with its connection, and what it
// answers later is dropped.
func (g *goroutines) abandon() history.Op {
	n := -1
	if len(g.watch) > 0 {
		n = g.watch[0].worker
		g.workers[n].abandon()
		g.workers[n] = nil
	}
	op := g.open[n+1].op
	g.open[n+1] = task{}
	op.Type = history.Info
	op.Err = history.Err{Code: "watchdog", Text: fmt.Sprintf("the client did not come back in %s and was abandoned", (g.Now() - op.Time).Round(time.Millisecond))}
	g.cfg.Log.Warn("a client was abandoned", "process", op.Process, "f", op.F, "node", op.Node, "index", op.Index)
	return op
}

// close ends the workers, and waits as long for their connections as for an operation.
func (g *goroutines) close() error {
	g.end()
	g.timer.Stop()
	done := make(chan struct{})
	go func() { g.wg.Wait(); close(done) }()
	limit := time.NewTimer(g.cfg.OpTimeout + g.cfg.Grace)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		return fmt.Errorf("close the clients: some did not close their connection in %s", g.cfg.OpTimeout+g.cfg.Grace)
	}
	if n := g.left.Load(); n > 0 {
		return fmt.Errorf("close the clients: %d ignored the end of their context and are still running", n)
	}
	return nil
}
