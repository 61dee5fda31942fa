package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// All of these speak to a real agent on a node of its own.

const patience = 20 * time.Second

func TestTheLeaseUndoesWhatALostControllerLeft(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	c := n.connect(t, "run-1", 2*time.Second)
	for _, name := range []string{"paused", "killed"} {
		if err := c.Start(t.Context(), cluster.Daemon{Name: name, Args: []string{"sleep", "1000"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Rules(t.Context(), []netip.Addr{netip.MustParseAddr("10.231.0.9"), netip.MustParseAddr("fd00:231::9")}); err != nil {
		t.Fatal(err)
	}
	if err := c.Signal(t.Context(), "paused", cluster.SigStop); err != nil {
		t.Fatal(err)
	}
	if err := c.Signal(t.Context(), "killed", cluster.SigKill); err != nil {
		t.Fatal(err)
	}

	// The controller lives, longer than a lease, and says nothing but its pings: all stands.
	alive, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	select {
	case <-c.Lost():
		t.Fatalf("lost: %v", c.Err())
	case <-alive.Done():
	}
	if p := statusOf(t, c, "paused"); !p.Paused {
		t.Errorf("the daemon goes on though its controller lives: %+v", p)
	}
	if !strings.Contains(n.run(t, "iptables", "-S"), chain) {
		t.Error("the rules are gone though their controller lives")
	}

	// The controller's way to the node is killed: the agent lives on, and undoes when the lease is over.
	if err := c.pipe.(*cmdPipe).c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Lost():
	case <-time.After(patience):
		t.Fatal("a killed connection was not noticed")
	}
	look := n.connect(t, "", 0)
	within(t, patience, "the lease to undo", func() bool {
		return !strings.Contains(n.run(t, "iptables", "-S")+n.run(t, "ip6tables", "-S"), chain) && !statusOf(t, look, "paused").Paused
	})
	if p := statusOf(t, look, "paused"); !p.Running {
		t.Errorf("the stopped daemon does not go on: %+v", p)
	}
	if p := statusOf(t, look, "killed"); p.Running || !p.Asked || p.Exit != "signal: killed" {
		t.Errorf("a killed daemon must stay dead: %+v", p)
	}
	if h := look.Hello(); h.Node != "n1" || h.PID == 0 {
		t.Errorf("hello: %+v", h)
	}
}

func statusOf(t *testing.T, c *Client, name string) cluster.Process {
	t.Helper()
	p, err := c.Status(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTwoControllers(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	first := n.connect(t, "run-1", 4*time.Second)
	if _, err := first.Rules(t.Context(), []netip.Addr{netip.MustParseAddr("10.231.0.9")}); err != nil {
		t.Fatal(err)
	}
	_, err := Connect(t.Context(), n, Options{Node: n.name, Dir: n.dir, Holder: "run-2"})
	if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "run-1") {
		t.Fatalf("the second must be refused by an error that names the first: %v", err)
	}
	n.connect(t, "run-1", 0) // the same one may connect twice

	// One that holds nothing may do nothing but look and heal.
	healer := n.connect(t, "", 0)
	if _, err := healer.Rules(t.Context(), nil); !errors.Is(err, ErrLease) {
		t.Errorf("rules without a lease: %v", err)
	}
	for range 2 {
		if err := healer.Undo(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(n.run(t, "iptables", "-S"), chain) {
		t.Error("not healed")
	}
	// The first is told, and the second may come.
	if _, err := first.Rules(t.Context(), []netip.Addr{netip.MustParseAddr("10.231.0.9")}); !errors.Is(err, ErrLease) {
		t.Errorf("the first must be told that its lease is over: %v", err)
	}
	select {
	case <-first.Lost():
	case <-time.After(patience):
		t.Error("the first's client must be lost")
	}
	second := n.connect(t, "run-2", 0)
	// Its own healing does not cost it the lease.
	if err := second.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Rules(t.Context(), []netip.Addr{netip.MustParseAddr("10.231.0.9")}); err != nil {
		t.Error(err)
	}
	if err := second.Close(true); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(n.run(t, "iptables", "-S"), chain) {
		t.Error("Close did not undo")
	}
	// The node is free at once, also after a run that left nothing.
	third := n.connect(t, "run-3", 0)
	if err := third.Close(false); err != nil {
		t.Fatal(err)
	}
	n.connect(t, "run-4", 0)
}

func TestAnAgentIsStartedOnceAndReplaced(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	c := n.connect(t, "run-1", 0)
	pid := c.Hello().PID
	if err := c.Start(t.Context(), cluster.Daemon{Name: "db", Args: []string{"sleep", "1000"}}); err != nil {
		t.Fatal(err)
	}
	db := statusOf(t, c, "db")
	installAtOnce := func() {
		t.Helper()
		errs := make(chan error, 6)
		for i := range cap(errs) {
			go func() {
				ctx := context.WithoutCancel(t.Context())
				if i == 0 {
					errs <- Install(ctx, n, n.name, n.dir)
					return
				}
				_, err := n.Exec(ctx, cluster.Cmd{Args: []string{binaryPath(n.dir), "agent", "start", "--dir", n.dir, "--name", n.name, "--sum", c.Hello().Sum}})
				errs <- err
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	}
	installAtOnce()
	if h := n.connect(t, "", 0).Hello(); h.PID != pid || h.Holder != "run-1" {
		t.Errorf("installing again started another agent, or lost its lease: %+v, was pid %d", h, pid)
	}

	// A folder, a name and a lock that a killed agent left are no obstacle, and its daemon and lease are known.
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.Lost()
	installAtOnce()
	look := n.connect(t, "", 0)
	if h := look.Hello(); h.PID == pid || h.Holder != "run-1" {
		t.Errorf("the new agent: %+v", h)
	}
	if p := statusOf(t, look, "db"); !p.Running || !slices.Equal(p.Pids, db.Pids) {
		t.Errorf("the new agent does not know the daemon: %+v, was %+v", p, db)
	}

	// Another binary does not replace an agent that somebody holds.
	other := func() error {
		_, err := n.Exec(t.Context(), cluster.Cmd{Args: []string{binaryPath(n.dir), "agent", "start", "--dir", n.dir, "--name", n.name, "--sum", "other"}})
		return err
	}
	if err := other(); err == nil || !strings.Contains(err.Error(), "run-1") {
		t.Errorf("replacing a held agent: %v", err)
	}
	if err := look.Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := other(); err != nil {
		t.Error(err)
	}
	last := n.connect(t, "run-2", 0)
	if h := last.Hello(); h.Sum != "other" {
		t.Errorf("the agent was not replaced: %+v", h)
	}
	if err := last.Signal(t.Context(), "db", cluster.SigKill); err != nil {
		t.Fatal(err)
	}
	if p := statusOf(t, last, "db"); p.Running || !p.Asked {
		t.Errorf("killed by an agent that did not start it: %+v", p)
	}
}

func TestInfoAndEnd(t *testing.T) {
	w := newWorld(t, 1)
	n := w.nodes[0]
	c := n.connect(t, "run-1", 0)
	info, err := c.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Kernel == "" || !strings.Contains(info.IPTables, "iptables v") || !strings.Contains(info.IP6Tables, "ip6tables v") || !info.IPv6 {
		t.Errorf("info: %+v", info)
	}
	if fi, err := os.Stat(n.dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("the agent's folder: %v %v", fi.Mode(), err)
	}
	// A port that is taken is a sentence, not an agent that hears nothing.
	_, err = n.Exec(t.Context(), cluster.Cmd{Args: []string{binaryPath(n.dir), "agent", "start", "--dir", filepath.Join(t.TempDir(), "b"), "--name", "n1"}})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(DefaultPort)) {
		t.Errorf("a taken port: %v", err)
	}
	// An agent that is ended undoes.
	if _, err := c.Rules(t.Context(), []netip.Addr{netip.MustParseAddr("10.231.0.9")}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.Hello().PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	within(t, patience, "the ended agent to undo", func() bool { return !strings.Contains(n.run(t, "iptables", "-S"), chain) })
}
