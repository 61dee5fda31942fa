package run_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// latch is something that has happened, or not.
type latch struct{ atomic.Bool }

func (l *latch) set() { l.Store(true) }

// watch sets the latch when the final phase begins.
func (l *latch) watch(p run.Progress) {
	if p.Phase == "final" {
		l.set()
	}
}

func (l *latch) failReads(_ string, op history.Op) memory.Fault {
	if l.Load() && op.F == "read" {
		return memory.Fault{Err: clients.NotDone(clients.Coded("unreachable", errUnreachable))}
	}
	return memory.Fault{}
}

// shortFinal is a workload whose final phase gives up soon.
func shortFinal(w workloads.Workload) workloads.Workload {
	build := w.Build
	w.Build = func(o workloads.Options) (workloads.Built, error) {
		b, err := build(o)
		b.Final = workloads.TimeLimit(time.Second, b.Final)
		return b, err
	}
	return w
}

// panicking is a workload whose generator panics when the latch is set.
func panicking(w workloads.Workload, when *latch) workloads.Workload {
	build := w.Build
	w.Build = func(o workloads.Options) (workloads.Built, error) {
		b, err := build(o)
		b.Main = bomb{b.Main, when}
		return b, err
	}
	return w
}

type bomb struct {
	workloads.Generator
	when *latch
}

func (b bomb) Next(c *workloads.Ctx) (history.Op, time.Duration, workloads.Status) {
	if b.when.Load() {
		panic("generator of a beginner")
	}
	return b.Generator.Next(c)
}

// needy is a fault that needs more than a node can.
type needy struct{ nemesis.Fault }

func (needy) Needs() cluster.Caps { return cluster.Network | cluster.Clock }

var errUnreachable = errors.New("nobody there")

func read(t *testing.T, dir, name string, x any) {
	t.Helper()
	d, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.ReadJSON(name, x); err != nil {
		t.Fatal(err)
	}
}

func ops(t *testing.T, dir string) []history.Op {
	t.Helper()
	path := filepath.Join(dir, store.HistoryZst)
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(dir, store.HistoryFile)
	}
	all, _, err := history.ReadAll(path)
	if err != nil {
		t.Fatalf("the history does not read: %v", err)
	}
	if !slices.IsSortedFunc(all, func(a, b history.Op) int { return int(a.Index - b.Index) }) {
		t.Error("the history is not in order")
	}
	return all
}
