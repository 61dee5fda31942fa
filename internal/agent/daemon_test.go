package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

// supervise gives daemons in a folder of the test; what is started is killed in the end.
func supervise(t *testing.T) *daemons {
	t.Helper()
	d, err := newDaemons(filepath.Join(t.TempDir(), "daemons"), quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name := range d.all {
			if err := d.signal(context.Background(), name, cluster.SigKill); err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func (d *daemons) mustStatus(t *testing.T, name string) cluster.Process {
	t.Helper()
	p, err := d.status(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// withEnv gives the processes that have a variable in their environment.
func withEnv(t *testing.T, v string) (found []int) {
	t.Helper()
	all, err := processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid))
		if err == nil && bytes.Contains(b, []byte(v+"\x00")) && !p.dead() {
			found = append(found, p.pid)
		}
	}
	return found
}

func signalTo(t *testing.T, d *daemons, name string, sig cluster.Signal) {
	t.Helper()
	if err := d.signal(t.Context(), name, sig); err != nil {
		t.Fatal(err)
	}
}

func TestADaemonIsStoppedWholly(t *testing.T) {
	d := supervise(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "deep", "db.log")
	spec := cluster.Daemon{Name: "db", Args: []string{self, "tree"}, Log: log, Dir: "/"}
	for range 2 { // that it runs already is no error
		if err := d.start(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
	}
	within(t, patience, "the daemon's children", func() bool {
		b, _ := os.ReadFile(log)
		return bytes.Count(b, []byte("all there")) == 1 && len(d.mustStatus(t, "db").Pids) == 3
	})
	p := d.mustStatus(t, "db")
	if !p.Running || p.Paused || p.Exit != "" || p.Started.IsZero() {
		t.Errorf("running: %+v", p)
	}

	for range 2 {
		signalTo(t, d, "db", cluster.SigStop)
	}
	var ps []process
	for _, pid := range p.Pids {
		q, ok, err := readProcess(pid)
		if err != nil || !ok {
			t.Fatalf("process %d: %v %v", pid, ok, err)
		}
		ps = append(ps, q)
	}
	if all, stopped, err := threads(ps); err != nil || all < 10 || all != stopped {
		t.Errorf("%d of %d threads are stopped: %v", stopped, all, err)
	}
	if p := d.mustStatus(t, "db"); !p.Paused || !p.Running {
		t.Errorf("stopped: %+v", p)
	}
	if !d.paused() {
		t.Error("nothing is said to be stopped")
	}

	if err := d.resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, stopped, err := threads(ps); err != nil || stopped != 0 {
		t.Errorf("%d threads are still stopped: %v", stopped, err)
	}

	// Killed while it is stopped, with all that it started; the worker in its own session too.
	signalTo(t, d, "db", cluster.SigStop)
	signalTo(t, d, "db", cluster.SigKill)
	for _, q := range ps {
		if now, ok, err := readProcess(q.pid); err != nil || ok && now.start == q.start && !now.dead() {
			t.Errorf("process %d lives: %v", q.pid, err)
		}
	}
	if p := d.mustStatus(t, "db"); p.Running || !p.Asked || p.Exit != "signal: killed" {
		t.Errorf("killed: %+v", p)
	}
	signalTo(t, d, "db", cluster.SigKill) // that it does not run is no error
	if err := d.start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	if p := d.mustStatus(t, "db"); !p.Running || p.Asked || p.Exit != "" {
		t.Errorf("started again: %+v", p)
	}
}

// A daemon that is killed while it makes workers with sessions of their own: none gets away.
func TestNoWorkerGetsAway(t *testing.T) {
	d := supervise(t)
	script := "i=0; while [ $i -lt 150 ]; do setsid sleep 1000 & i=$((i+1)); done; wait"
	for i := range 6 {
		name := fmt.Sprint("db", i)
		mark := fmt.Sprintf("%s-%d", name, os.Getpid())
		if err := d.start(t.Context(), cluster.Daemon{Name: name, Args: []string{"sh", "-c", script}, Env: map[string]string{"PARTITA_TEST": mark}}); err != nil {
			t.Fatal(err)
		}
		within(t, patience, "some workers", func() bool { return len(d.mustStatus(t, name).Pids) > 5 })
		signalTo(t, d, name, cluster.SigKill)
		left := withEnv(t, "PARTITA_TEST="+mark)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			t.Fatalf("processes %v got away", left)
		}
	}
}

func TestHowADaemonEnds(t *testing.T) {
	d := supervise(t)
	end := func(name string, args ...string) cluster.Process {
		t.Helper()
		if err := d.start(t.Context(), cluster.Daemon{Name: name, Args: args}); err != nil {
			t.Fatal(err)
		}
		within(t, patience, name+" to end", func() bool {
			p := d.mustStatus(t, name)
			return !p.Running && p.Exit != ""
		})
		return d.mustStatus(t, name)
	}
	if p := end("seven", "sh", "-c", "exit 7"); p.Exit != "exit status 7" || p.Asked {
		t.Errorf("by itself: %+v", p)
	}
	if p := end("good", "true"); p.Exit != "exit status 0" || p.Asked {
		t.Errorf("by itself: %+v", p)
	}
	if err := d.start(t.Context(), cluster.Daemon{Name: "term", Args: []string{"sleep", "1000"}}); err != nil {
		t.Fatal(err)
	}
	signalTo(t, d, "term", cluster.SigStop) // what is stopped is let go on, to end
	signalTo(t, d, "term", cluster.SigTerm)
	if p := d.mustStatus(t, "term"); p.Running || p.Exit != "signal: terminated" || !p.Asked {
		t.Errorf("terminated: %+v", p)
	}
	// One that does not listen to TERM is an error, in time.
	if err := d.start(t.Context(), cluster.Daemon{Name: "deaf", Args: []string{"sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1000; done"}}); err != nil {
		t.Fatal(err)
	}
	within(t, patience, "the trap", func() bool {
		b, _ := os.ReadFile(filepath.Join(d.dir, "deaf.log"))
		return len(b) > 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), effectLimit/50)
	defer cancel()
	if err := d.signal(ctx, "deaf", cluster.SigTerm); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "deaf") {
		t.Errorf("a daemon that does not end: %v", err)
	}
}

func TestAnAgentStartedAnewKnowsTheDaemons(t *testing.T) {
	d := supervise(t)
	if err := d.start(t.Context(), cluster.Daemon{Name: "db", Args: []string{"sleep", "1000"}}); err != nil {
		t.Fatal(err)
	}
	signalTo(t, d, "db", cluster.SigStop)
	d2, err := newDaemons(d.dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if p := d2.mustStatus(t, "db"); !p.Running || !p.Paused {
		t.Errorf("found: %+v", p)
	}
	if err := d2.start(t.Context(), cluster.Daemon{Name: "db", Args: []string{"sleep", "1000"}}); err != nil {
		t.Error(err)
	}
	if p := d2.mustStatus(t, "db"); len(p.Pids) != 1 {
		t.Errorf("it was started a second time: %+v", p)
	}
	signalTo(t, d2, "db", cluster.SigCont)
	signalTo(t, d2, "db", cluster.SigKill)

	// A number that another process has now is not the daemon, nor may it be killed.
	other := exec.Command("setsid", "sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	s, _ := d2.get("db")
	s.record.PID = other.Process.Pid
	if p := d2.mustStatus(t, "db"); p.Running {
		t.Errorf("a stranger was taken for the daemon: %+v", p)
	}
	signalTo(t, d2, "db", cluster.SigKill)
	if p, ok, err := readProcess(other.Process.Pid); err != nil || !ok || p.dead() {
		t.Errorf("a stranger was killed: %+v %v %v", p, ok, err)
	}
	// A file that is no record is passed over.
	if err := os.WriteFile(filepath.Join(d.dir, "x.json"), []byte(`{"daemon":{"name":"../x"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if d3, err := newDaemons(d.dir, quiet()); err != nil || len(d3.all) != 1 {
		t.Errorf("a bad file: %v %v", d3, err)
	}
}

func TestADaemonOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		cannot(t, "not root: only root starts daemons of other users")
	}
	d := supervise(t)
	log := filepath.Join(t.TempDir(), "log")
	spec := cluster.Daemon{Name: "db", Args: []string{"sh", "-c", "id -un; echo $USER $X"}, User: "nobody", Log: log, Env: map[string]string{"X": "y z"}}
	if err := d.start(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	within(t, patience, "the daemon to end", func() bool { return d.mustStatus(t, "db").Exit != "" })
	if b, err := os.ReadFile(log); err != nil || string(b) != "nobody\nnobody y z\n" {
		t.Errorf("%q %v", b, err)
	}
	spec.Name, spec.User = "x", "no-such-user"
	if err := d.start(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "no-such-user") {
		t.Errorf("a user that is not there: %v", err)
	}
}

func TestBadDaemons(t *testing.T) {
	d := supervise(t)
	for _, spec := range []cluster.Daemon{
		{},
		{Name: "../x", Args: []string{"true"}},
		{Name: "x"},
		{Name: "x", Args: []string{""}},
		{Name: "x", Args: []string{"true"}, Dir: "relative"},
		{Name: "x", Args: []string{"true"}, Log: "relative"},
		{Name: "x", Args: []string{"true"}, Env: map[string]string{"A=B": ""}},
	} {
		var e *Error
		if err := d.start(t.Context(), spec); !errors.As(err, &e) || e.Code != CodeBad {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	if err := d.start(t.Context(), cluster.Daemon{Name: "x", Args: []string{"/no/such/command"}}); err == nil {
		t.Error("a command that is not there was started")
	}
	if err := d.signal(t.Context(), "x", "HUP"); err == nil {
		t.Error("an unknown signal was sent")
	}
	if p := d.mustStatus(t, "never"); p.Running || p.Exit != "" {
		t.Errorf("never started: %+v", p)
	}
}
