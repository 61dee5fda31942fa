package sched_test

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/workloads"
)

// record is a history in memory.
type record struct {
	mu  sync.Mutex
	ops []history.Op
	max int // events until the disk is full; 0: never
}

func (r *record) Append(op history.Op) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.max > 0 && len(r.ops) >= r.max {
		return syscall.ENOSPC
	}
	r.ops = append(r.ops, op)
	return nil
}

func (r *record) all() []history.Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ops)
}

func (r *record) completions() []history.Op {
	return slices.DeleteFunc(r.all(), func(o history.Op) bool { return o.Type == history.Invoke })
}

// sound checks what holds for every history: it pairs, indices are dense, time never decreases, nothing is open.
func (r *record) sound(t *testing.T) *history.View {
	t.Helper()
	ops := r.all()
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range ops {
		if o.Index != int64(i) || i > 0 && o.Time < ops[i-1].Time {
			t.Fatalf("event %d has index %d and time %d after %d", i, o.Index, o.Time, ops[max(i-1, 0)].Time)
		}
	}
	for _, c := range v.Calls {
		if _, ok := v.Ret(c); !ok {
			t.Fatalf("%+v was never completed", v.Inv(c))
		}
	}
	return v
}

func config(d clients.Driver, r *record, workers int) sched.Config {
	return sched.Config{
		Cluster: memory.Nodes("n1", "n2"), Driver: d, Workers: workers, Seed: 1, History: r, Ops: []string{"read", "write"},
		OpTimeout: 10 * time.Second, // far away, for a machine that is busy
	}
}

func run(t *testing.T, s *sched.Scheduler, g workloads.Generator) {
	t.Helper()
	if err := s.Run(context.Background(), g); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, cfg sched.Config) *sched.Scheduler {
	t.Helper()
	s, err := sched.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shut(t *testing.T, s *sched.Scheduler) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}
