package run_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run/runtest"
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
