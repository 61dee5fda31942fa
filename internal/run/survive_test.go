package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/run/runtest"
	"github.com/partita-dev/partita/internal/store"
)

// smallDisk is a file system of 1 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("partita-test", dir, "tmpfs", 0, "size=1m"); err != nil {
		if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "root") {
			t.Fatal(err)
		}
		t.Skipf("NOT RUN: %s (mount a small file system: %v)", t.Name(), err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestADiskThatIsFullEndsTheRunAndWhatWasWrittenIsJudged(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := withCut(t, w)
	cfg.Store, cfg.TimeLimit, cfg.Rate = smallDisk(t), time.Minute, 0
	began := time.Now()
	out, err := run.Run(context.Background(), cfg)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it went on for %s", took)
	}
	failed(t, err, "main", "no space left on device", "make room", "--store")
	gone(t, w)
	if !nobodyAccused(out.Verdict) || len(out.Verdict.Checkers) == 0 || out.Verdict.Ops.OK == 0 {
		t.Errorf("what was written was not judged: %s: %s %v", out.Verdict.Verdict, out.Verdict.Summary, out.Verdict.Errors)
	}
	says(t, out.Verdict, "no space left on device")
	noHalfFiles(t, cfg.Store)
	if n := len(ops(t, out.Dir)); n < 1000 {
		t.Errorf("only %d events of a MiB can be read", n)
	}
	if v := again(t, cfg.Catalog, out.Dir); v.Verdict == checker.Valid || v.Ops.OK != out.Verdict.Ops.OK {
		t.Errorf("judged again it is %s of %v operations, not of %v: %s", v.Verdict, v.Ops, out.Verdict.Ops, v.Summary)
	}
}

func TestADiskThatIsFullBeforeTheRunBegins(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := w.Config(smallDisk(t))
	if err := os.WriteFile(filepath.Join(cfg.Store, "ballast"), make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	out, err := run.Run(context.Background(), cfg)
	failed(t, err, "write the run's folder", "no space left on device")
	if made, _ := w.Clusters(); made > 0 {
		t.Error("a cluster was made")
	}
	if out.Verdict.Verdict != checker.Unknown {
		t.Errorf("the verdict is %s", out.Verdict.Verdict)
	}
}

func TestClientsThatIgnoreTheirContextAreAbandoned(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var n atomic.Int64
	w := runtest.New(runtest.Options{Release: release, Fault: func(_ string, op history.Op) memory.Fault {
		if op.F == "write" && n.Add(1) == 20 {
			return memory.Fault{Hang: true, Ignore: true}
		}
		return memory.Fault{}
	}})
	cfg := w.Config(t.TempDir())
	cfg.TimeLimit = 2 * time.Second
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Valid {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	abandoned := 0
	for _, op := range ops(t, out.Dir) {
		if op.Err.Code == "watchdog" {
			abandoned++
			if op.Type != history.Info {
				t.Errorf("it is %s: %+v", op.Type, op)
			}
		}
	}
	if abandoned != 1 || out.Verdict.Ops.OK < 100 {
		t.Errorf("%d operations were abandoned, and %d ok", abandoned, out.Verdict.Ops.OK)
	}
}

func TestACheckerThatIsKilledMakesUnknown(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := w.Config(t.TempDir())
	cfg.Catalog.Checkers = append(cfg.Catalog.Checkers, sleeper)
	pidFile := filepath.Join(t.TempDir(), "pid")
	cfg.Params = history.Params{"pid-file": pidFile}
	cfg.Checkers = []string{"sleeper", "linearizable-register", "stats", "coverage"}
	killed := make(chan error, 1)
	go func() { killed <- killFrom(pidFile) }()
	out, err := run.Run(context.Background(), cfg)
	if err := errors.Join(err, <-killed); err != nil {
		t.Fatal(err)
	}
	if out.Verdict.Verdict != checker.Unknown || len(out.Verdict.Checkers) != 4 {
		t.Fatalf("%s: %s", out.Verdict.Verdict, out.Verdict.Summary)
	}
	says(t, out.Verdict, "sleeper", "killed")
	for _, c := range out.Verdict.Checkers[1:] {
		if c.Verdict != checker.Valid {
			t.Errorf("%s was not asked: %s %s", c.Name, c.Verdict, c.Reason)
		}
	}
}

// killFrom kills the process whose number appears in a file within a minute.
func killFrom(file string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-tick.C {
		b, err := os.ReadFile(file)
		if pid, bad := strconv.Atoi(string(b)); err == nil && bad == nil {
			return syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return errors.New("the checker never began")
}

func TestARunWhoseControllerDiedIsNeverValid(t *testing.T) {
	t.Parallel()
	w := runtest.New(runtest.Options{})
	cfg := w.Config(t.TempDir())
	out, err := do(t, context.Background(), cfg)
	if err != nil || out.Verdict.Verdict != checker.Valid {
		t.Fatalf("%s %v: %s", out.Verdict.Verdict, err, out.Verdict.Summary)
	}
	// The same folder as a controller leaves it that is killed after its final reads.
	d, err := store.Open(out.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	m := out.Meta
	m.Ended, m.Phases = time.Time{}, nil
	if err := d.WriteJSON(store.MetaFile, m); err != nil {
		t.Fatal(err)
	}
	v := again(t, cfg.Catalog, out.Dir)
	if !nobodyAccused(v) {
		t.Errorf("the verdict is %s", v.Verdict)
	}
	says(t, v, "ended before the run did")
	// And before its clients began.
	m.Checkers = nil
	if err := errors.Join(d.WriteJSON(store.MetaFile, m), d.Root().Remove(store.HistoryZst)); err != nil {
		t.Fatal(err)
	}
	if v := again(t, cfg.Catalog, out.Dir); v.Verdict != checker.Unknown {
		t.Errorf("the verdict is %s", v.Verdict)
	}
}
