package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/store"
)

// upFor is how long a cluster may take on a busy machine, its image made already.
const upFor = 4 * time.Minute

// note adds a row for a test that has one run.
func note(t *testing.T, what, status string, lost int, left []string, notes string) {
	t.Helper()
	table.add(row{what: what, times: 1, status: status, lost: lost, left: len(left), notes: notes, failed: t.Failed()})
}

func TestOneInterruptHealsAndReports(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.start(long...)
	c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
	id, had := b.id(), b.recorded()
	c.signal(syscall.SIGINT)
	began := time.Now()
	status := c.wait(2 * time.Minute)
	if status != "exit status 130" {
		t.Errorf("it ended with %s:\n%s", status, c.output())
	}
	says(t, c.output(), "interrupted: healing and reporting", "does not count")
	var f store.Faults
	if !b.read(store.FaultsFile, &f) || len(f.Windows) != 1 || !f.Windows[0].Recovered.Happened() {
		t.Errorf("the fault was not seen to be healed: %+v", f.Windows)
	}
	for _, name := range []string{store.ReportFile, store.VerdictFile, store.JUnitFile, store.HistoryZst, "logs/n1/etcd.log"} {
		if _, err := os.Stat(filepath.Join(b.folder(), name)); err != nil {
			t.Error(err)
		}
	}
	b.judged()
	took := time.Since(began).Round(time.Second)
	note(t, "Ctrl-C once in a window, Docker", status, b.lost(had), b.nothing(id), fmt.Sprintf("healed and reported in %s", took))
}

func TestTwoInterruptsEndAtOnceAndSayWhatIsLeft(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.start(long...)
	c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
	id := b.id()
	c.signal(syscall.SIGINT)
	c.until("answer to the first interrupt", 10*time.Second, func() bool { return strings.Contains(c.output(), "interrupted: healing") })
	had := b.recorded()
	c.signal(syscall.SIGINT)
	began := time.Now()
	status := c.wait(5 * time.Second)
	if status != "exit status 130" {
		t.Errorf("it ended with %s:\n%s", status, c.output())
	}
	took := time.Since(began).Round(time.Millisecond)
	_, last, _ := strings.Cut(c.output(), "stopped at once")
	says(t, last, "cluster "+id, "partition:primaries", "partita heal "+id, "partita cluster down "+id, "partita check runs/etcd-register-partition-primaries/")
	// What it says works.
	says(t, b.partita(0, "heal", id), "n1 healed", "n2 healed", "n3 healed")
	if rules := b.rules(id); len(rules) > 0 {
		t.Errorf("after heal there is still %v", rules)
	}
	b.judged()
	says(t, b.partita(0, "cluster", "down", id), id+" removed")
	note(t, "Ctrl-C twice in a window, Docker", status, b.lost(had), b.nothing(id), "ended in "+took.String())
}

// TestAnInterruptWhileAClusterIsMadeLeavesNothing hits it where containers are half there.
func TestAnInterruptWhileAClusterIsMadeLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.start("test", "etcd", "--time-limit", "20s")
	c.until("first container", upFor, func() bool {
		var m store.Meta
		return b.read(store.MetaFile, &m) && len(b.containers(m.Cluster)) > 0
	})
	id := b.id()
	c.signal(syscall.SIGINT)
	status := c.wait(2 * time.Minute)
	if status != "exit status 130" {
		t.Errorf("it ended with %s:\n%s", status, c.output())
	}
	b.partita(2, "check", b.folder())
	note(t, "Ctrl-C while the cluster is made, Docker", status, 0, b.nothing(id), "")
}

// TestANodeThatGoesIsNamed takes a node away in the middle: its container dies, or freezes, so that SSH hangs.
func TestANodeThatGoesIsNamed(t *testing.T) {
	for _, how := range []struct{ name, command string }{{"its container is killed", "kill"}, {"its container is frozen, so that SSH hangs", "pause"}} {
		t.Run(how.command, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			const limit = 20 * time.Second
			c := b.start("test", "etcd", "-w", "register", "--faults", "partition:n1|n2+n3", "--time-limit", limit.String(), "--interval", "10s")
			c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
			id, had := b.id(), b.recorded()
			gone := b.container(id, "n2")
			b.docker(how.command, gone)
			began := time.Now()
			status := c.wait(limit + 6*time.Minute)
			took := time.Since(began).Round(time.Second)
			if status != "exit status 3" {
				t.Errorf("it ended with %s:\n%s", status, c.output())
			}
			says(t, c.output(), "n2")
			var v store.Verdict
			if !b.read(store.VerdictFile, &v) || v.Verdict.String() == "valid" || !strings.Contains(strings.Join(v.Errors, "\n"), "n2") {
				t.Errorf("the verdict is %s with errors %q", v.Verdict, v.Errors)
			}
			b.judged()
			note(t, "a node goes: "+how.name, status, b.lost(had), b.nothing(id), fmt.Sprintf("ended in %s with %s left of its time", took, limit))
		})
	}
}

// TestADatabaseThatDiesByItself kills etcd on one node, as a lack of memory would: nobody is accused, nobody waits for it,
// and it is no failure of the environment.
func TestADatabaseThatDiesByItself(t *testing.T) {
	if !everything() {
		t.Skipf("NOT RUN: %s (on real nodes `make torture` does it; others do it in memory)", t.Name())
	}
	t.Parallel()
	b := newBench(t)
	const limit = 25 * time.Second
	c := b.start("test", "etcd", "-w", "register", "--faults", "partition:primaries", "--time-limit", limit.String())
	c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
	id, had := b.id(), b.recorded()
	b.docker("exec", b.container(id, "n2"), "pkill", "-KILL", "-x", "etcd")
	began := time.Now()
	status := c.wait(limit + 3*time.Minute)
	took := time.Since(began).Round(time.Second)
	if status != "exit status 2" {
		t.Errorf("it ended with %s:\n%s", status, c.output())
	}
	var v store.Verdict
	if !b.read(store.VerdictFile, &v) || v.Verdict.String() != "inconclusive" || !strings.Contains(strings.Join(v.Errors, "\n"), "etcd on n2 died by itself (signal: killed)") {
		t.Errorf("the verdict is %s with errors %q", v.Verdict, v.Errors)
	}
	b.judged()
	note(t, "a database dies by itself, Docker", status, b.lost(had), b.nothing(id), fmt.Sprintf("inconclusive; ended in %s with %s left of its time", took, limit))
}

// TestASecondControllerIsRefused is alone on the machine: its first run is to be valid.
func TestASecondControllerIsRefused(t *testing.T) {
	b := newBench(t)
	id, _, ok := strings.Cut(b.partita(0, "cluster", "up", "etcd"), "\t")
	if id = id[strings.LastIndex(id, "\n")+1:]; !ok || id == "" {
		t.Fatal("no cluster was made")
	}
	first := b.start("test", "etcd", "--cluster", id, "--time-limit", "30s")
	first.until("clients", upFor, func() bool { return strings.Contains(first.output(), "ops/s") })
	began := time.Now()
	out := b.partita(3, "test", "etcd", "--cluster", id, "--time-limit", "5s", "--store", "second")
	says(t, out, "in use by process "+fmt.Sprint(first.cmd.Process.Pid), "--cluster "+id)
	out = b.partita(3, "cluster", "down", id)
	says(t, out, "in use by process "+fmt.Sprint(first.cmd.Process.Pid))
	took, had := time.Since(began).Round(time.Second), b.recorded()
	if status := first.wait(3 * time.Minute); status != "exit status 0" {
		t.Errorf("the first ended with %s:\n%s", status, first.output())
	}
	says(t, b.partita(0, "cluster", "down", id), id+" removed")
	note(t, "two controllers on one cluster", "exit status 3", b.lost(had), b.nothing(id), "the second was refused in "+took.String()+", the first is valid")
}
