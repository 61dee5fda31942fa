package run_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run/runtest"
	"github.com/partita-dev/partita/internal/store"
)

// A daemon that dies in the middle of a run is in the history within seconds, once, and in the run's reasons, though it
// runs again at the end.
func TestADeathIsNoticedWhenItHappens(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	w := runtest.New(runtest.Options{Status: func(_ context.Context, node string) (cluster.Process, error) {
		if node == "n2" {
			if n := asked.Add(1); n == 1 || n == 2 {
				return cluster.Process{Exit: "exit status 2"}, nil
			}
		}
		return cluster.Process{Running: true}, nil
	}})
	cfg := w.Config(t.TempDir())
	cfg.TimeLimit = 4 * time.Second
	var deaths []history.Op
	clientsAfter := 0
	cfg.OnOp = func(o history.Op) {
		if o.F == "died" {
			deaths = append(deaths, o)
		} else if len(deaths) > 0 && o.Client() {
			clientsAfter++
		}
	}
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Inconclusive {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	says(t, out.Verdict, "n2", "died by itself (exit status 2)", "logs/n2")
	if len(deaths) != 1 || deaths[0].Node != "n2" || deaths[0].Type != history.Info || deaths[0].Client() || !strings.Contains(deaths[0].Err.Text, "exit status 2") {
		t.Fatalf("%+v", deaths)
	}
	if clientsAfter == 0 {
		t.Error("it was noticed only when the clients had ended")
	}
}

// crash is a world in which the database of n2 dies in the middle of the clients' time, and does not come back.
func crash(wrong bool) *runtest.World {
	var dead, lied latch
	return runtest.New(runtest.Options{
		Status: func(_ context.Context, node string) (cluster.Process, error) {
			if node == "n2" {
				dead.set()
				return cluster.Process{Exit: "signal: killed"}, nil
			}
			return cluster.Process{Running: true}, nil
		},
		Step: func(_ context.Context, step, node string) error {
			if step == "wait for" && node == "n2" && dead.Load() {
				return errUnreachable
			}
			return nil
		},
		Fault: func(node string, op history.Op) memory.Fault {
			switch {
			case node == "n2" && dead.Load():
				return memory.Fault{Err: clients.NotDone(clients.Coded("unreachable", errUnreachable))}
			case wrong && op.F == "read" && !lied.Swap(true):
				return memory.Fault{Value: history.Int(987654321)}
			}
			return memory.Fault{}
		},
	})
}

// A node whose database died by itself is waited for by nobody: the run ends at once, though a node may take a minute to
// recover. It accuses nobody and is no failure of the environment; the page says what happened, and when.
func TestADatabaseThatStaysDeadEndsTheRun(t *testing.T) {
	t.Parallel()
	w := crash(false)
	cfg := withCut(t, w)
	cfg.Limits.Recover = time.Minute
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Inconclusive {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	says(t, out.Verdict, "memory on n2 died by itself (signal: killed)", "logs/n2")
	for _, p := range out.Meta.Phases {
		if p.Name == "final" {
			t.Error("something was read in the end")
		}
	}
	page, err := os.ReadFile(filepath.Join(out.Dir, store.ReportFile))
	if err != nil || !strings.Contains(string(page), "memory on n2 died by itself (signal: killed): see logs/n2. No fault of the plan did that.") {
		t.Errorf("the page does not say so: %v", err)
	}
	gone(t, w)
}

// What was found before stays found.
func TestADeathExcusesNothing(t *testing.T) {
	t.Parallel()
	cfg := withCut(t, crash(true))
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Invalid {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	says(t, out.Verdict, "memory on n2 died by itself")
}
