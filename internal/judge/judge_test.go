package judge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

func says(v checker.Verdict, reason string) checker.Checker {
	return checker.Func(func(context.Context, checker.Input) checker.Result { return checker.Result{Verdict: v, Reason: reason} })
}

// bad are checkers that do what checkers do when all goes wrong.
func bad() []checker.Spec {
	return []checker.Spec{
		{Name: "good", Checker: says(checker.Valid, "")},
		{Name: "silent", Checker: says(checker.Invalid, "")},
		{Name: "params", Checker: checker.Func(func(_ context.Context, in checker.Input) checker.Result {
			return checker.Result{Verdict: checker.Valid, Facts: map[string]any{"a": in.Params.String("a", ""), "b": in.Params.String("b", ""), "plan": in.Plan != nil, "ops": len(in.History.Ops)}}
		})},
		{Name: "panics", Checker: checker.Func(func(context.Context, checker.Input) checker.Result { panic("oh dear") })},
		{Name: "panics elsewhere", Checker: checker.Func(func(context.Context, checker.Input) checker.Result {
			done := make(chan int)
			go func() { panic("oh dear, elsewhere") }()
			<-done
			return checker.Result{}
		})},
		{Name: "killed", Checker: checker.Func(func(context.Context, checker.Input) checker.Result {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			return hang()
		})},
		{Name: "exits", Checker: checker.Func(func(context.Context, checker.Input) checker.Result { os.Exit(0); return checker.Result{} })},
		{Name: "explodes", Checker: checker.Func(func(context.Context, checker.Input) checker.Result {
			var all [][]byte
			for {
				b := make([]byte, 1<<20)
				for i := range b {
					b[i] = byte(i)
				}
				all = append(all, b)
				if len(all) > 20_000 {
					return checker.Result{Verdict: checker.Valid} // 20 GiB: nobody stopped us
				}
			}
		})},
		{Name: "slow", Checker: checker.Func(func(ctx context.Context, _ checker.Input) checker.Result {
			<-ctx.Done()
			return checker.Result{Reason: "time was up after half of the keys"}
		})},
		{Name: "deaf", Checker: checker.Func(func(context.Context, checker.Input) checker.Result { return hang() })},
		{Name: "no json", Checker: checker.Func(func(context.Context, checker.Input) checker.Result {
			return checker.Result{Verdict: checker.Valid, Facts: map[string]any{"x": math.NaN()}}
		})},
		{Name: "pid", Checker: checker.Func(func(context.Context, checker.Input) checker.Result {
			fmt.Fprintln(os.Stderr, "child", os.Getpid())
			_ = os.WriteFile(os.Getenv("JUDGE_TEST_PID"), []byte(fmt.Sprint(os.Getpid())), 0o600)
			return hang()
		})},
		{Name: "blind", Checker: planter{check: says(checker.Valid, "").Check}},
		checker.Coverage(), linear.Register(),
	}
}

// hang never ends. An empty select would be a deadlock that the runtime notices by itself once no timer is left.
func hang() checker.Result {
	for {
		time.Sleep(time.Hour)
	}
}

// TestMain is three programs: the tests, a child, and a parent that waits to be killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(ChildEnv) == "1":
		os.Exit(ChildMain(bad(), os.Stdin, os.Stdout))
	case os.Getenv("JUDGE_TEST_PARENT") != "":
		_, _ = Run(context.Background(), Request{Names: []string{"pid"}, History: os.Getenv("JUDGE_TEST_PARENT")})
		os.Exit(0)
	}
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // or each child of a race build lingers for a second
	goleak.VerifyTestMain(m)
}

func historyFile(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, store.HistoryFile)
	lines := `{"index":0,"time":0,"process":0,"type":"invoke","f":"write","key":"k","value":1}
{"index":1,"time":5,"process":0,"type":"ok","f":"write","key":"k","value":1}
`
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOneBadCheckerTakesNothingFromTheOthers(t *testing.T) {
	for _, c := range []struct{ name, reason string }{
		{"panics", "panicked: oh dear"},
		{"panics elsewhere", "panic: oh dear, elsewhere"},
		{"killed", "signal: killed"},
		{"exits", "ended without an answer"},
		{"explodes", "more than 300 MiB of memory"},
		{"slow", "half of the keys"},
		{"no json", "cannot be written as JSON"},
		{"no such checker", "choose from good, silent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Request{Names: []string{"good", c.name, "silent"}, History: historyFile(t, t.TempDir()), Memory: 300 << 20, Timeout: 20 * time.Second}
			if c.name == "slow" {
				r.Timeout = 500 * time.Millisecond
			}
			rs, err := Run(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if len(rs) != 3 || rs[0].Verdict != checker.Valid || rs[2].Verdict != checker.Invalid || rs[0].Name != "good" || rs[1].Name != c.name || rs[2].Name != "silent" {
				t.Fatalf("%+v", rs)
			}
			if rs[1].Verdict != checker.Unknown || !strings.Contains(rs[1].Reason, c.reason) {
				t.Errorf("%s: %q, expected unknown with %q", rs[1].Verdict, rs[1].Reason, c.reason)
			}
			if rs[2].Reason == "" {
				t.Error("an invalid result came without a reason")
			}
		})
	}
}

func TestACheckerThatIgnoresItsTimeIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the grace time")
	}
	t.Parallel()
	rs, err := Run(context.Background(), Request{Names: []string{"deaf", "good"}, History: historyFile(t, t.TempDir()), Timeout: 300 * time.Millisecond})
	if err != nil || len(rs) != 2 || rs[0].Verdict != checker.Unknown || !strings.Contains(rs[0].Reason, "more than 300ms") || rs[1].Verdict != checker.Valid {
		t.Errorf("%+v %v", rs, err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 500*time.Millisecond, errors.New("Ctrl-C"))
	defer cancel()
	rs, err := Run(ctx, Request{Names: []string{"deaf", "good"}, History: historyFile(t, t.TempDir())})
	if err != nil || len(rs) != 2 || rs[0].Verdict != checker.Unknown || rs[1].Verdict != checker.Unknown || !strings.Contains(rs[0].Reason, "Ctrl-C") {
		t.Errorf("%+v %v", rs, err)
	}
}

func TestRunFolder(t *testing.T) {
	path := t.TempDir()
	historyFile(t, path)
	d, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := errors.Join(d.WriteJSON(store.MetaFile, store.Meta{Params: history.Params{"a": "run", "b": "run"}}),
		d.WriteJSON(store.FaultsFile, store.Faults{Plan: history.Plan{Faults: []string{"partition"}, Final: history.Never}})); err != nil {
		t.Fatal(err)
	}
	names := []string{"params", "coverage", "linearizable-register"}
	rs, err := Run(context.Background(), Request{Names: names, RunDir: path, Params: history.Params{"b": "asked"}})
	if err != nil || len(rs) != 3 {
		t.Fatal(rs, err)
	}
	if f := rs[0].Facts; f["a"] != "run" || f["b"] != "asked" || f["plan"] != true || f["ops"] != 2.0 {
		t.Errorf("%+v", f)
	}
	if rs[1].Verdict != checker.Inconclusive || rs[2].Verdict != checker.Valid {
		t.Errorf("%+v", rs)
	}
	rs, err = Run(context.Background(), Request{Names: names, History: filepath.Join(path, store.HistoryFile)})
	if err != nil || len(rs) != 2 || rs[1].Name != "linearizable-register" {
		t.Errorf("a lone history has no coverage to judge: %+v %v", rs, err)
	}
}

func TestBadInputIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.jsonl")
	if err := os.WriteFile(path, []byte("{\"index\":0,\"time\":0,\"process\":0,\"type\":\"ok\",\"f\":\"read\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), Request{Names: []string{"good"}, History: path}); err == nil || !strings.Contains(err.Error(), "never invoked") || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if _, err := Run(context.Background(), Request{Names: []string{"good"}, History: path + ".not"}); err == nil {
		t.Error("a file that is not there was judged")
	}
}

// TestAChildFollowsItsParent kills the parent and waits until the child is gone too.
func TestAChildFollowsItsParent(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JUDGE_TEST_PARENT="+historyFile(t, dir), "JUDGE_TEST_PID="+pidFile)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	wait(t, "the child's pid", func() bool {
		b, _ := os.ReadFile(pidFile)
		n, _ := fmt.Sscan(string(b), &pid)
		return n == 1
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	wait(t, "the child's end", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(b), ") Z ")
	})
}

func wait(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestSummary(t *testing.T) {
	result := func(name string, v checker.Verdict, reason string, facts map[string]any, as ...checker.Anomaly) store.CheckerResult {
		return store.CheckerResult{Name: name, Result: checker.Result{Verdict: v, Reason: reason, Facts: facts, Anomalies: as}}
	}
	stale := result("linearizable-register", checker.Invalid, "bad", map[string]any{"stale reads": 3.0, "stalest read (seconds)": 4.2},
		checker.Anomaly{Name: "stale-read", Key: "k7", Text: "n2 answered 17 to a read that began 3.1 s after 21 had been written"})
	good := result("linearizable-register", checker.Valid, "", map[string]any{"operations": 12345.0, "keys": 41.0})
	covered := result("coverage", checker.Valid, "", map[string]any{"windows": []any{1, 2, 3}})
	vacuous := result("coverage", checker.Inconclusive, "no probe ever saw it", nil)
	failed := store.Meta{Target: "etcd", Phases: []store.Phase{{Name: "heal", Err: "n2: unreachable"}}}
	etcd := store.Meta{Target: "etcd", Seed: 7, Command: "partita test etcd"}
	for _, c := range []struct {
		meta store.Meta
		rs   []store.CheckerResult
		want checker.Verdict
		text string
	}{
		{etcd, []store.CheckerResult{stale, vacuous}, checker.Invalid,
			"etcd answered 3 reads with values that had been overwritten up to 4.2 s before. For example, key k7: n2 answered 17 to a read that began 3.1 s after 21 had been written."},
		{failed, []store.CheckerResult{stale}, checker.Invalid, "etcd answered 3 reads"},
		{etcd, []store.CheckerResult{stale, result("x", checker.Invalid, "bad", nil, checker.Anomaly{Name: "nonlinearizable"})}, checker.Invalid, "before. What etcd answered on 1 key cannot"},
		{etcd, []store.CheckerResult{good, covered}, checker.Valid,
			"Nothing wrong was found with etcd: all 12,345 operations on 41 keys fit one order; 3 faults were seen to be in force, and clients were busy on each side."},
		{failed, []store.CheckerResult{good, covered}, checker.Inconclusive, "This run does not count: heal: n2: unreachable."},
		{failed, []store.CheckerResult{result("x", checker.Unknown, "no time", nil)}, checker.Unknown, "This run does not count"},
		{etcd, []store.CheckerResult{good, vacuous}, checker.Inconclusive, "tested too little to say anything about etcd: coverage: no probe ever saw it."},
		{store.Meta{}, []store.CheckerResult{vacuous, result("x", checker.Unknown, "no time", nil)}, checker.Unknown, "It is not known whether the database did well: x: no time."},
		{store.Meta{}, nil, checker.Unknown, "no checker was run"},
		{etcd, []store.CheckerResult{result("set", checker.Invalid, "bad", map[string]any{"lost": 1472.0}, checker.Anomaly{Name: "lost-element", Text: "gone"})}, checker.Invalid,
			"etcd acknowledged 1,472 elements that it later lost."},
		{etcd, []store.CheckerResult{result("set", checker.Invalid, "bad", map[string]any{"lost": 2.0}, checker.Anomaly{Name: "lost-element", Key: "k7", Text: "set k7: 2 elements are gone"})}, checker.Invalid,
			"For example: set k7: 2 elements are gone."}, // the key is not said twice
		{etcd, []store.CheckerResult{result("lock", checker.Invalid, "bad", nil, checker.Anomaly{Name: "two-holders", Key: "k7", Text: "k7: two"}, checker.Anomaly{Name: "two-holders", Key: "k8", Text: "k8: two"})}, checker.Invalid,
			"etcd gave a lock to a client while another one held it, on 2 locks. For example: k7: two."},
		{etcd, []store.CheckerResult{result("unique-ids", checker.Invalid, "bad", map[string]any{"duplicated": 12.0}, checker.Anomaly{Name: "duplicate-id", Text: "1"})}, checker.Invalid, "etcd gave out 12 ids twice or more."},
		{etcd, []store.CheckerResult{result("counter", checker.Valid, "", map[string]any{"reads of counters": 1200.0}), covered}, checker.Valid, "all 1,200 reads of counters fit what was added; 3 faults"},
		{etcd, []store.CheckerResult{result("lock", checker.Valid, "", map[string]any{"locks acquired": 651.0}), covered}, checker.Valid, "none of 651 acquires of locks broke a rule; 3 faults"},
		{etcd, []store.CheckerResult{result("own", checker.Invalid, "worse than ever", nil)}, checker.Invalid, "own: worse than ever"},
	} {
		v := Summary(c.meta, c.rs)
		if v.Verdict != c.want || !strings.Contains(v.Summary, c.text) {
			t.Errorf("%s: %s\nwant %s: %s", v.Verdict, v.Summary, c.want, c.text)
		}
		if len(c.meta.Phases) != len(v.Errors) || v.Seed != c.meta.Seed {
			t.Errorf("%+v", v)
		}
	}
	for _, d := range checker.Catalogue() {
		v := Summary(etcd, []store.CheckerResult{result("x", checker.Invalid, "r", nil, checker.Anomaly{Name: d.Name, Text: "t", RulesOut: d.RulesOut})})
		if !strings.Contains(v.Summary, "tcd") {
			t.Errorf("%s: %s", d.Name, v.Summary)
		}
	}
}
