package clustertest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A daemon is started, paused, continued and killed, and each is seen.
func TestTheLifeOfADaemon(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := New(t, 1).Nodes[0].(*Node)
	log := filepath.Join(n.Dir(), "log")
	d := cluster.Daemon{Name: "sleeper", Args: []string{"sh", "-c", "echo up $WHO; exec sleep 300"}, Env: map[string]string{"WHO": "world"}, Log: log}
	want := func(running, paused bool) {
		t.Helper()
		if s, err := n.Status(ctx, "sleeper"); err != nil || s.Running != running || s.Paused != paused {
			t.Fatalf("status: %+v, %v; want running %v, paused %v", s, err, running, paused)
		}
	}
	want(false, false)
	if err := errors.Join(n.Start(ctx, d), n.Start(ctx, d)); err != nil {
		t.Fatal(err)
	}
	want(true, false)
	for _, step := range []struct {
		sig             cluster.Signal
		running, paused bool
	}{{cluster.SigStop, true, true}, {cluster.SigCont, true, false}, {cluster.SigStop, true, true}, {cluster.SigKill, false, false}, {cluster.SigKill, false, false}} {
		if err := n.Signal(ctx, "sleeper", step.sig); err != nil {
			t.Fatalf("%s: %v", step.sig, err)
		}
		want(step.running, step.paused)
	}
	if err := n.Start(ctx, d); err != nil {
		t.Fatal(err)
	}
	want(true, false)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b := []byte(nil); !strings.HasPrefix(string(b), "up world\n"); {
		var err error
		if b, err = os.ReadFile(log); err != nil || ctx.Err() != nil {
			t.Fatalf("log: %q, %v", b, err)
		}
		<-tick.C
	}
	if err := n.Start(ctx, cluster.Daemon{Name: "nothing", Args: []string{"/nowhere/at/all"}}); err == nil || !strings.Contains(err.Error(), "n1: start nothing") {
		t.Errorf("start of what is not there: %v", err)
	}
}

// Two clusters at a time have addresses of their own, and a command's failure says where and why.
func TestClustersDoNotMeet(t *testing.T) {
	a, b := New(t, 3), New(t, 3)
	seen := map[string]bool{}
	for _, n := range append(a.Nodes, b.Nodes...) {
		addrs, err := n.Peer(t.Context())
		if err != nil || len(addrs) != 1 || seen[addrs[0].String()] {
			t.Errorf("%s: %v, %v", n.Name(), addrs, err)
		}
		seen[addrs[0].String()] = true
	}
	_, err := a.Nodes[1].(*Node).Exec(t.Context(), cluster.Cmd{Args: []string{"sh", "-c", "echo no >&2; exit 7"}})
	var exit *cluster.ExitError
	if !errors.As(err, &exit) || exit.Status != 7 || exit.Node != "n2" || exit.Stderr != "no\n" {
		t.Errorf("exec: %v", err)
	}
}
