package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/run/runtest"
	"github.com/partita-dev/partita/internal/store"
)

// do runs cfg, which must end in a minute whatever goes wrong, and holds what is true of every run: the folder is
// whole, no half file is in it, and judging it again gives the same verdict.
func do(t *testing.T, ctx context.Context, cfg run.Config) (run.Outcome, error) {
	t.Helper()
	began := time.Now()
	out, err := run.Run(ctx, cfg)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("the run took %s", took)
	}
	if out.Dir == "" {
		t.Fatalf("the run left no folder: %v", err)
	}
	for _, name := range []string{store.MetaFile, store.FaultsFile, store.VerdictFile, store.ReproFile, store.LogFile} {
		if _, err := os.Stat(filepath.Join(out.Dir, name)); err != nil {
			t.Errorf("the folder is not whole: %v", err)
		}
	}
	noHalfFiles(t, filepath.Dir(out.Dir))
	if got := again(t, cfg.Catalog, out.Dir); got.Verdict != out.Verdict.Verdict {
		t.Errorf("judged again it is %s, it was %s: %s", got.Verdict, out.Verdict.Verdict, got.Summary)
	}
	return out, err
}

func noHalfFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") || strings.HasPrefix(filepath.Base(path), ".") {
			t.Errorf("a half file is left: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func again(t *testing.T, cat *catalog.Catalog, dir string) store.Verdict {
	t.Helper()
	d, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	v, err := run.Check(context.Background(), cat, d, run.CheckOptions{})
	if err != nil {
		t.Fatalf("judge the folder again: %v", err)
	}
	return v
}

// failed asks that the run's error is the environment's, of a phase, with words.
func failed(t *testing.T, err error, phase string, words ...string) {
	t.Helper()
	var env *run.EnvironmentError
	if !errors.As(err, &env) {
		t.Fatalf("the error is %v, not one of the environment", err)
	}
	if env.Phase != phase {
		t.Errorf("phase %q failed, not %q: %v", env.Phase, phase, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}

// gone asks that no cluster is left, and nothing is cut.
func gone(t *testing.T, w *runtest.World) {
	t.Helper()
	if _, left := w.Clusters(); left > 0 {
		t.Error("a cluster is left")
	}
	if len(w.Cut()) > 0 {
		t.Errorf("it is not healed: %v", w.Cut())
	}
}

// nobodyAccused is the verdict of a run that does not count: neither valid nor invalid.
func nobodyAccused(v store.Verdict) bool {
	return v.Verdict == checker.Unknown || v.Verdict == checker.Inconclusive
}

func says(t *testing.T, v store.Verdict, words ...string) {
	t.Helper()
	all := v.Summary + "\n" + strings.Join(v.Errors, "\n")
	for _, w := range words {
		if !strings.Contains(all, w) {
			t.Errorf("the verdict does not say %q:\n%s", w, all)
		}
	}
}

func TestARunThatGoesWellIsValid(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := w.Config(t.TempDir())
	var phases []string
	cfg.Progress = func(p run.Progress) {
		if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
			phases = append(phases, p.Phase)
		}
	}
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Valid || out.Interrupted {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	gone(t, w)
	for _, name := range []string{store.HistoryZst, store.ReportFile, store.JUnitFile, "logs/n1/memory.log"} {
		if _, err := os.Stat(filepath.Join(out.Dir, name)); err != nil {
			t.Error(err)
		}
	}
	if want := "cluster up,set-up,clients,main,heal,recovery,final,history,logs,cluster down,check,report"; strings.Join(phases, ",") != want {
		t.Errorf("phases %v, want %s", phases, want)
	}
}

func TestARunWithACutIsValidAndHealed(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := withCut(t, w)
	saw := false
	cfg.Progress = func(p run.Progress) { saw = saw || len(p.Faults) == 1 && p.Observed && p.Cluster != "" }
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Valid {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	gone(t, w)
	if !saw {
		t.Error("whoever watched never heard of the fault in force and its cluster")
	}
}

// withCut is a run with one window, 2 s after the clients began.
func withCut(t *testing.T, w *runtest.World) run.Config {
	t.Helper()
	cfg := w.Config(t.TempDir())
	cfg.TimeLimit, cfg.Interval = 3500*time.Millisecond, 2*time.Second
	var err error
	if cfg.Faults, err = cfg.Catalog.ParseFaults([]string{"partition:primaries"}, run.NodeNames(cfg.Nodes)); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestADatabaseThatNeverServesIsTheEnvironmentsFault(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{Step: func(_ context.Context, step, node string) error {
		if step == "wait for" && node == "n3" {
			return errors.New("connection refused")
		}
		return nil
	}})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	failed(t, err, "set-up", "3 tries", "n3", "connection refused")
	if out.Verdict.Verdict != checker.Unknown {
		t.Errorf("the verdict is %s", out.Verdict.Verdict)
	}
	says(t, out.Verdict, "set-up", "n3")
	gone(t, w)
}

func TestASetUpThatFailsTwiceWorksTheThirdTime(t *testing.T) {
	t.Parallel()
	tries := 0 // n2 alone counts, one step at a time
	w := runtest.New(runtest.Options{Step: func(_ context.Context, step, node string) error {
		if step != "start" || node != "n2" {
			return nil
		}
		if tries++; tries < 3 {
			return errors.New("address already in use")
		}
		return nil
	}})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	if err != nil || out.Verdict.Verdict != checker.Valid || tries != 3 {
		t.Fatalf("%s %v after %d tries", out.Verdict.Verdict, err, tries)
	}
}

func TestAutomationThatHangsOrPanicsIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for name, step := range map[string]func(context.Context) error{
		"waits for its context": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores its context":   func(context.Context) error { <-release; return nil },
		"panics":                func(context.Context) error { panic("automation of a beginner") },
		"ignores it in its end": func(ctx context.Context) error { <-ctx.Done(); <-release; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := runtest.New(runtest.Options{Step: func(ctx context.Context, s, node string) error {
				if s == "start" && node == "n2" {
					return step(ctx)
				}
				return nil
			}})
			cfg := w.Config(t.TempDir())
			cfg.Limits.Step = 200 * time.Millisecond
			out, err := do(t, context.Background(), cfg)
			failed(t, err, "set-up", "start memory on n2")
			if out.Verdict.Verdict != checker.Unknown {
				t.Errorf("the verdict is %s", out.Verdict.Verdict)
			}
			gone(t, w)
		})
	}
}

func TestADriverWhosePreparationHangsIsBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	w := runtest.New(runtest.Options{Prepare: func(context.Context) error { <-release; return nil }})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	failed(t, err, "clients", "prepare memory", "left behind")
	if out.Verdict.Verdict != checker.Unknown {
		t.Errorf("the verdict is %s", out.Verdict.Verdict)
	}
	gone(t, w)
}

func TestAClusterThatDoesNotFitIsTakenDown(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := withCut(t, w)
	cfg.Faults[0].Kind.Fault = needy{cfg.Faults[0].Kind.Fault}
	_, err := do(t, context.Background(), cfg)
	failed(t, err, "cluster up", "partition", "needs", "clock", "n1")
	gone(t, w)
	if made, _ := w.Clusters(); made != 1 {
		t.Errorf("%d clusters were made", made)
	}
}

func TestAClusterThatCannotBeMade(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{Up: func(context.Context) error { return errors.New("no space for images") }})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	failed(t, err, "cluster up", "no space for images")
	if out.Verdict.Verdict != checker.Unknown {
		t.Errorf("the verdict is %s", out.Verdict.Verdict)
	}
}

func TestATeardownThatFailsLeavesTheVerdict(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{
		Down: func(context.Context) error { return errors.New("the engine is gone") },
		Log:  func(node string) (string, error) { return "", errors.New("no such file on " + node) },
	})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	failed(t, err, "logs", "n2")
	if out.Verdict.Verdict != checker.Valid {
		t.Errorf("the verdict is %s: %s", out.Verdict.Verdict, out.Verdict.Summary)
	}
	says(t, out.Verdict, "cluster down: the engine is gone", "'partita cluster down "+out.Meta.Cluster+"' removes it", "no such file on n1")
}

func TestAReportThatCannotBeDrawnLeavesTheVerdict(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := runtest.New(runtest.Options{Down: func(context.Context) error {
		runs, err := filepath.Glob(filepath.Join(dir, "*", "2*"))
		if err != nil || len(runs) != 1 {
			return errors.Join(err, errors.New("there is no run's folder"))
		}
		return os.MkdirAll(filepath.Join(runs[0], store.ReportFile, "in the way"), 0o755)
	}})
	out, err := do(t, context.Background(), w.Config(dir))
	failed(t, err, "report", store.ReportFile)
	if out.Verdict.Verdict != checker.Valid {
		t.Errorf("the verdict is %s: %s", out.Verdict.Verdict, out.Verdict.Summary)
	}
}

func TestAnInterruptedRunHealsAndIsJudged(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := withCut(t, w)
	cfg.TimeLimit, cfg.Interval = time.Minute, time.Minute
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	cfg.Progress = func(p run.Progress) {
		if len(p.Faults) > 0 && p.Observed {
			cancel()
		}
	}
	out, err := do(t, ctx, cfg)
	if err != nil || !out.Interrupted {
		t.Fatalf("interrupted %v: %v", out.Interrupted, err)
	}
	if !nobodyAccused(out.Verdict) || out.Verdict.Ops.OK == 0 {
		t.Errorf("the verdict is %s with %d operations: %s", out.Verdict.Verdict, out.Verdict.Ops.OK, out.Verdict.Summary)
	}
	says(t, out.Verdict, "interrupted")
	gone(t, w)
	var f store.Faults
	read(t, out.Dir, store.FaultsFile, &f)
	if len(f.Windows) != 1 || !f.Windows[0].Recovered.Happened() {
		t.Errorf("the window is not healed on disk: %+v", f.Windows)
	}
}

func TestARunThatIsInterruptedBeforeItBegan(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	w := runtest.New(runtest.Options{Up: func(ctx context.Context) error { cancel(); return ctx.Err() }})
	out, err := do(t, ctx, w.Config(t.TempDir()))
	if err != nil || !out.Interrupted || out.Verdict.Verdict != checker.Unknown {
		t.Fatalf("interrupted %v, %s: %v", out.Interrupted, out.Verdict.Verdict, err)
	}
	gone(t, w)
}

func TestFinalReadsThatFailAreNeverValid(t *testing.T) {
	t.Parallel()
	for _, workload := range []string{"register", "set"} {
		t.Run(workload, func(t *testing.T) {
			t.Parallel()
			final := &latch{}
			w := runtest.New(runtest.Options{Fault: final.failReads})
			cfg := w.Config(t.TempDir())
			wl, err := cfg.Catalog.Workload(cfg.Target, workload)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Workload = shortFinal(wl)
			cfg.Progress = final.watch
			out, err := do(t, context.Background(), cfg)
			if err != nil || !nobodyAccused(out.Verdict) {
				t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
			}
			says(t, out.Verdict, "final")
		})
	}
}

func TestADaemonThatDiedByItselfMakesNothingValid(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{Status: func(_ context.Context, node string) (cluster.Process, error) {
		if node == "n2" {
			return cluster.Process{Exit: "signal: segmentation fault"}, nil
		}
		return cluster.Process{Running: node != "n3", Asked: true}, nil // n3 was killed by us
	}})
	out, err := do(t, context.Background(), w.Config(t.TempDir()))
	if err != nil || !nobodyAccused(out.Verdict) {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	says(t, out.Verdict, "n2", "died by itself", "segmentation fault", "logs/n2")
	if strings.Contains(strings.Join(out.Verdict.Errors, "\n"), "n3") {
		t.Errorf("n3 is accused: %v", out.Verdict.Errors)
	}
}

func TestANodeThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{
		Status: func(_ context.Context, node string) (cluster.Process, error) {
			if node == "n2" {
				return cluster.Process{}, errors.New("no route to host")
			}
			return cluster.Process{Running: true}, nil
		},
		Fault: nil,
	})
	cfg := w.Config(t.TempDir())
	out, err := do(t, context.Background(), cfg)
	if err != nil || !nobodyAccused(out.Verdict) {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	says(t, out.Verdict, "n2", "no route to host")
}

func TestAPanickingGeneratorDoesNotKeepFaultsFromBeingHealed(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := withCut(t, w)
	cfg.TimeLimit, cfg.Interval = time.Minute, time.Minute
	bomb := &latch{}
	cfg.Workload = panicking(cfg.Workload, bomb)
	cfg.Progress = func(p run.Progress) {
		if len(p.Faults) > 0 && p.Observed {
			bomb.set()
		}
	}
	out, err := do(t, context.Background(), cfg)
	failed(t, err, "main", "panicked", "generator of a beginner")
	if !nobodyAccused(out.Verdict) {
		t.Errorf("the verdict is %s", out.Verdict.Verdict)
	}
	gone(t, w)
}
