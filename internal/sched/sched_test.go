package sched_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/workloads"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	read  = history.Op{F: "read", Key: "x"}
	write = history.Op{F: "write", Key: "x", Value: "1"}
)

func TestTwentyThousandOperationsAreEachCompletedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	w, err := history.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	d := memory.New("register")
	seen := 0
	cfg := config(d, nil, 10)
	cfg.History, cfg.OnOp = w, func(history.Op) { seen++ }
	s := start(t, cfg)
	built, err := workloads.Register().Build(workloads.Options{RunID: "r", Nodes: []string{"n1", "n2"}, Workers: 10})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, workloads.Limit(19_000, built.Main))
	mid := s.Point()
	s.Inject(history.Op{Type: history.Info, F: "partition"})
	run(t, s, workloads.Limit(1000, built.Main))
	run(t, s, built.Final)
	end := s.Point()
	shut(t, s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ops, torn, err := history.ReadAll(path)
	if err != nil || torn {
		t.Fatal(err, torn)
	}
	v := (&record{ops: ops}).sound(t)
	c := s.Counts()
	if len(v.Calls) < 20_000 || int64(len(v.Calls)) != c.OK+c.Fail+c.Info || c.Open != 0 || seen != len(ops) {
		t.Errorf("%d calls, %d events, %d seen, counted %+v", len(v.Calls), len(ops), seen, c)
	}
	if mid.Index != 38_000 || end.Index != int64(len(ops)) || ops[38_000].Process != history.Nemesis {
		t.Errorf("points %+v and %+v of %d events", mid, end, len(ops))
	}
	for _, call := range v.Calls {
		if inv, p := v.Inv(call), v.Inv(call).Process; inv.Node != []string{"n1", "n2"}[p%10%2] {
			t.Fatalf("process %d talks to %s", p, inv.Node)
		}
	}
}

// appenderFunc is a function as a history.
type appenderFunc func(history.Op) error

func (f appenderFunc) Append(op history.Op) error { return f(op) }

func TestAnInvocationIsWrittenBeforeItsClientGetsIt(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	var early int
	d.Fault = func(_ string, op history.Op) memory.Fault {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !slices.ContainsFunc(r.ops, func(o history.Op) bool { return o.Index == op.Index && o.Type == history.Invoke }) {
			early++
		}
		return memory.Fault{}
	}
	s := start(t, config(d, r, 4))
	run(t, s, workloads.Limit(500, workloads.Repeat(write)))
	shut(t, s)
	if early > 0 {
		t.Errorf("%d operations reached their client before they were written", early)
	}
	r.sound(t)

	// A history that writes later is found out by the same check.
	late := &record{}
	cfg := config(d, late, 4)
	var held history.Op
	cfg.History = appenderFunc(func(op history.Op) error {
		if held.Type != 0 {
			_ = r.Append(held)
		}
		held = op
		return nil
	})
	r.ops = nil
	s = start(t, cfg)
	run(t, s, workloads.Limit(50, workloads.Repeat(write)))
	shut(t, s)
	if early == 0 {
		t.Error("the check does not notice an invocation that is written too late")
	}
}

func TestHowOperationsEnd(t *testing.T) {
	boom := errors.New("connection reset")
	for name, c := range map[string]struct {
		op    history.Op
		fault memory.Fault
		want  history.Type
		code  string
		next  int32 // the process of the worker's next operation
	}{
		"an answer":                         {op: write, want: history.OK},
		"an error of a write":               {op: write, fault: memory.Fault{Err: boom}, want: history.Info, code: "error", next: 1},
		"an error of a read":                {op: read, fault: memory.Fault{Err: boom}, want: history.Fail, code: "error"},
		"proof that nothing happened":       {op: write, fault: memory.Fault{Err: clients.NotDone(clients.Coded("full", boom))}, want: history.Fail, code: "full"},
		"refused":                           {op: write, fault: memory.Fault{Err: clients.NotDone(clients.Coded(clients.CodeUnreachable, boom))}, want: history.Fail, code: "unreachable"},
		"a panic in a write":                {op: write, fault: memory.Fault{Panic: true}, want: history.Info, code: "panic", next: 1},
		"a panic in a read":                 {op: read, fault: memory.Fault{Panic: true}, want: history.Fail, code: "panic"},
		"no answer to a write":              {op: write, fault: memory.Fault{Hang: true}, want: history.Info, code: "timeout", next: 1},
		"no answer to a read":               {op: read, fault: memory.Fault{Hang: true}, want: history.Fail, code: "timeout"},
		"an answer that is not JSON":        {op: write, fault: memory.Fault{Value: "oops"}, want: history.Info, code: "bad-value", next: 1},
		"a read's answer that is not JSON":  {op: read, fault: memory.Fault{Value: "oops"}, want: history.Fail, code: "bad-value"},
		"a write no answer came to, though": {op: write, fault: memory.Fault{Hang: true, Lost: true}, want: history.Info, code: "timeout", next: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &record{}
			d := memory.New("register")
			d.Fault = func(_ string, op history.Op) memory.Fault {
				if op.Index == 0 {
					return c.fault
				}
				return memory.Fault{}
			}
			opened := 0
			d.Opening = func(context.Context, string, int32) error { opened++; return nil }
			cfg := config(d, r, 1)
			if c.fault.Hang {
				cfg.OpTimeout = 50 * time.Millisecond
				cfg.Grace = 20 * time.Second
			}
			s := start(t, cfg)
			run(t, s, workloads.Limit(2, workloads.Repeat(c.op)))
			shut(t, s)
			v := r.sound(t)
			first, _ := v.Ret(v.Calls[0])
			if first.Type != c.want || first.Err.Code != c.code || v.Calls[1].Worker != c.next {
				t.Errorf("it ended %s (%s), then came process %d; want %s (%s), %d", first.Type, first.Err, v.Calls[1].Worker, c.want, c.code, c.next)
			}
			// Only an answer, or a proof that nothing happened, leaves a connection that may be used again.
			if reused := c.want == history.OK || clients.IsNotDone(c.fault.Err); reused != (opened == 1) {
				t.Errorf("%d connections were opened for two operations", opened)
			}
			if first.Type != history.OK && first.Value != c.op.Value {
				t.Errorf("the value %q is lost: %q", c.op.Value, first.Value)
			}
			if second, _ := v.Ret(v.Calls[1]); second.Type != history.OK {
				t.Errorf("the next operation ended %s (%s)", second.Type, second.Err)
			}
		})
	}
}

func TestAClientThatIgnoresItsDeadlineIsAbandonedAndItsLateAnswerDropped(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	release := make(chan struct{})
	d.Release = release
	var s *sched.Scheduler
	counted := int64(-1)
	d.Fault = func(_ string, op history.Op) memory.Fault {
		switch op.Index {
		case 0:
			return memory.Fault{Hang: true, Ignore: true, Lost: true}
		case 4: // the late answer comes while this one is open
			counted = s.Counts().Left
			close(release)
			for end := time.Now().Add(30 * time.Second); s.Counts().Left > 0 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
		}
		return memory.Fault{}
	}
	cfg := config(d, r, 1)
	cfg.OpTimeout, cfg.Grace = 20*time.Millisecond, 20*time.Millisecond
	s = start(t, cfg)
	run(t, s, workloads.Concat(workloads.One(write), workloads.One(read), workloads.One(read)))
	eventually(t, "all came back", func() bool { return s.Counts().Left == 0 })
	shut(t, s)
	if counted != 1 {
		t.Errorf("%d clients were counted as left behind, want 1", counted)
	}
	v := r.sound(t)
	if w, _ := v.Ret(v.Calls[0]); w.Type != history.Info || w.Err.Code != "watchdog" || w.Value != "1" {
		t.Errorf("the abandoned write ended as %+v", w)
	}
	if v.Calls[1].Worker != 1 {
		t.Errorf("its process goes on: %d", v.Calls[1].Worker)
	}
	if len(v.Calls) != 3 || len(r.all()) != 6 {
		t.Errorf("%d calls in %d events", len(v.Calls), len(r.all()))
	}
}

func TestALateAnswerIsNeverTakenByTheNextOperation(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	d.Fault = func(_ string, op history.Op) memory.Fault {
		// Every second client answers after it was given up, with a value that says whose it was.
		f := memory.Fault{Value: history.Int(op.Index)}
		if op.Index%3 == 0 {
			f.Late, f.Ignore = 60*time.Millisecond, true
		}
		return f
	}
	cfg := config(d, r, 3)
	cfg.OpTimeout, cfg.DialTimeout, cfg.Grace = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond
	s := start(t, cfg)
	run(t, s, workloads.Limit(60, workloads.Repeat(write)))
	eventually(t, "all came back", func() bool { return s.Counts().Left == 0 })
	shut(t, s)
	v := r.sound(t)
	given := 0
	for _, c := range v.Calls {
		ret, _ := v.Ret(c)
		if ret.Type == history.OK && ret.Value != history.Int(v.Inv(c).Index) {
			t.Fatalf("index %d got the answer of %s", v.Inv(c).Index, ret.Value)
		}
		if ret.Err.Code == "watchdog" {
			given++
		}
	}
	if given == 0 {
		t.Error("no client was given up: the test shows nothing")
	}
}

func TestWhenNoConnectionCanBeMade(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	d.Opening = func(ctx context.Context, node string, _ int32) error {
		switch node {
		case "n1":
			return errors.New("connection refused")
		case "n2":
			panic("a driver that panics")
		}
		return nil
	}
	s := start(t, config(d, r, 2))
	began := time.Now()
	run(t, s, workloads.Limit(8, workloads.Repeat(write)))
	took := time.Since(began)
	shut(t, s)
	r.sound(t)
	for _, op := range r.completions() {
		if op.Type != history.Fail || op.Err.Code != clients.CodeConnect {
			t.Errorf("without a connection it ended %s (%s)", op.Type, op.Err)
		}
	}
	if n := d.Store.Effects("write"); n != 0 {
		t.Errorf("%d writes took place without a connection", n)
	}
	if took < 350*time.Millisecond { // 4 on each worker: 50 + 100 + 200 + 400 ms or more
		t.Errorf("8 operations failed within %s: a dead node would flood the history", took)
	}
}

func TestCancelEndsTheRunAndCompletesWhatIsOpen(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	release := make(chan struct{})
	d.Release = release
	d.Fault = func(node string, op history.Op) memory.Fault {
		return memory.Fault{Hang: node == "n1", Ignore: node == "n1"}
	}
	cfg := config(d, r, 4)
	cfg.OpTimeout, cfg.Grace = 200*time.Millisecond, time.Hour // only the cancellation bounds it
	s := start(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx, workloads.Rate(1000, workloads.Repeat(write))) }()
	eventually(t, "two clients hang, two work", func() bool { c := s.Counts(); return c.OK > 20 && c.Open >= 2 })
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the run ends with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the run does not end")
	}
	r.sound(t)
	if c := s.Counts(); c.Info != 2 || c.Open != 0 || c.Left != 2 {
		t.Errorf("counted %+v", c)
	}
	n := len(r.all())
	close(release)
	eventually(t, "the clients came back", func() bool { return s.Counts().Left == 0 })
	shut(t, s)
	if len(r.all()) != n {
		t.Error("a late answer was recorded after the end")
	}
}

func TestAClientThatNeverComesBackIsNamedAtTheEnd(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	release := make(chan struct{})
	d.Release = release
	d.Fault = func(string, history.Op) memory.Fault { return memory.Fault{Hang: true, Ignore: true} }
	cfg := config(d, r, 1)
	cfg.OpTimeout, cfg.Grace = time.Millisecond, time.Millisecond
	s := start(t, cfg)
	run(t, s, workloads.One(write))
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "1 ignored") {
		t.Errorf("close says %v", err)
	}
	close(release)
	eventually(t, "it came back", func() bool { return s.Counts().Left == 0 })
}

func TestAFullDiskEndsTheRun(t *testing.T) {
	r := &record{max: 101}
	s := start(t, config(memory.New("register"), r, 3))
	err := s.Run(context.Background(), workloads.Repeat(write))
	if !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), syscall.ENOSPC.Error()) != 1 {
		t.Errorf("the run ends with %v", err)
	}
	shut(t, s)
}

func TestMistakesAreSaidBeforeAnythingHappens(t *testing.T) {
	r := &record{}
	d := memory.New("register")
	for want, change := range map[string]func(*sched.Config){
		`no operation "enqueue" of a register: it has cas, delete, read, write`: func(c *sched.Config) { c.Ops = []string{"read", "enqueue"} },
		`no operation "write" of a set: it has add, read`:                       func(c *sched.Config) { c.Object = "set" },
		"0 workers":     func(c *sched.Config) { c.Workers = 0 },
		"no driver":     func(c *sched.Config) { c.Driver = nil },
		"no history":    func(c *sched.Config) { c.History = nil },
		"wait for ever": nil,
		"not free":      nil,
	} {
		cfg := config(d, r, 2)
		g := workloads.Repeat(write)
		switch want {
		case "wait for ever":
			g = workloads.OnNode("n9", g)
		case "not free":
			g = workloads.Map(func(op history.Op) history.Op { op.Process = 77; return op }, g)
		default:
			change(&cfg)
		}
		s, err := sched.New(cfg)
		if err == nil {
			err = s.Run(context.Background(), g)
			shut(t, s)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if len(r.all()) > 0 {
		t.Error("something was recorded")
	}
}

func TestTheNemesisWorksBesideTheClients(t *testing.T) {
	r := &record{}
	cfg := config(memory.New("register"), r, 2)
	cfg.Nemesis = func(_ context.Context, op history.Op) history.Value { return history.Str("done " + op.F) }
	s := start(t, cfg)
	run(t, s, workloads.Any(
		workloads.Limit(50, workloads.Repeat(write)),
		workloads.OnNemesis(workloads.Limit(2, workloads.Repeat(history.Op{F: "kill"}))),
	))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				s.Inject(history.Op{Type: history.Info, F: "pause"})
				s.Point()
			}
		})
	}
	run(t, s, workloads.Limit(500, workloads.Repeat(write)))
	wg.Wait()
	shut(t, s)
	r.sound(t)
	var kills, pauses int
	for _, op := range r.all() {
		switch {
		case op.F == "kill" && op.Process == history.Nemesis:
			kills++
		case op.F == "pause" && op.Process == history.Nemesis:
			pauses++
		}
	}
	if kills != 4 || pauses != 400 {
		t.Errorf("%d events of kill, %d of pause", kills, pauses)
	}
}
