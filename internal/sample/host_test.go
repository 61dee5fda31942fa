package sample_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
)

// up is a cluster that runs, whose time is the wall clock's.
func up(t *testing.T, params history.Params) (*cluster.Cluster, clients.Driver) {
	t.Helper()
	p, err := sample.NewProvider(params)
	if err != nil {
		t.Fatal(err)
	}
	c, err := p.Up(t.Context(), cluster.Spec{Nodes: 3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := p.Down(context.Background(), c); err != nil {
				t.Error(err)
			}
		}
	})
	for _, n := range c.Nodes {
		if err := c.DB.Start(t.Context(), c, n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.Nodes {
		eventually(t, n.Name()+" serves", func() bool { return c.DB.Ready(t.Context(), c, n) == nil })
	}
	d, err := sample.NewDriver(params)
	if err != nil {
		t.Fatal(err)
	}
	return c, d
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// do performs one operation on a new connection.
func do(t *testing.T, c *cluster.Cluster, d clients.Driver, n cluster.Node, op history.Op, most time.Duration) (history.Value, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	conn, err := d.Open(ctx, c, n, op.Process)
	if err != nil {
		return "", err
	}
	v, _, err := conn.Invoke(ctx, op)
	if e := conn.Close(); e != nil {
		t.Error(e)
	}
	return v, err
}

func others(c *cluster.Cluster, name string) (ns []cluster.Node) {
	for _, n := range c.Nodes {
		if n.Name() != name {
			ns = append(ns, n)
		}
	}
	return ns
}

const long, short = 30 * time.Second, 400 * time.Millisecond

var (
	write = history.Op{F: "write", Key: "x", Value: "1"}
	read  = history.Op{F: "read", Key: "x"}
)

func TestALeaderThatIsCutOffAnswersNothingAndTheOthersGoOn(t *testing.T) {
	c, d := up(t, history.Params{})
	for _, n := range c.Nodes {
		if _, err := do(t, c, d, n, write, long); err != nil {
			t.Fatal(err)
		}
	}
	leads, err := c.DB.(cluster.Primaries).Primaries(t.Context(), c)
	if err != nil || len(leads) != 1 {
		t.Fatal(leads, err)
	}
	old, err := c.Node(leads[0])
	if err != nil {
		t.Fatal(err)
	}
	var edges []cluster.Edge
	for _, n := range others(c, old.Name()) {
		edges = append(edges, cluster.Edge{From: n.Name(), To: old.Name()}, cluster.Edge{From: old.Name(), To: n.Name()})
	}
	if err := c.Cut(t.Context(), "w1", edges); err != nil {
		t.Fatal(err)
	}
	es, err := c.Net.Reach(t.Context(), append(edges, cluster.Edge{From: others(c, old.Name())[0].Name(), To: others(c, old.Name())[1].Name()}))
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range es {
		if cut := i < len(edges); e.Silent() != cut || e.Heard() == cut {
			t.Errorf("over %v was heard %+v", e.Edge, e.Flows)
		}
	}
	if v, err := do(t, c, d, old, write, short); err == nil || clients.IsNotDone(err) {
		t.Errorf("a write through the old leader ends %q, %v", v, err)
	}
	if v, err := do(t, c, d, old, read, short); err == nil {
		t.Errorf("a read through the old leader says %s", v)
	}
	two := history.Op{F: "write", Key: "x", Value: "2"}
	if _, err := do(t, c, d, others(c, old.Name())[0], two, long); err != nil {
		t.Errorf("the majority does not go on: %v", err)
	}
	if err := c.Cut(t.Context(), "w1", nil); err != nil {
		t.Fatal(err)
	}
	cas := history.Op{F: "cas", Key: "x", Value: "[77,78]"}
	if _, err := do(t, c, d, old, cas, long); !clients.IsNotDone(err) {
		t.Errorf("a cas from a value that was never there ends %v", err)
	}
	if v, err := do(t, c, d, old, read, long); err != nil || v == "" {
		t.Errorf("after healing a read through the old leader says %q, %v", v, err)
	}
}

func TestAStaleReplicaIsCaughtHere(t *testing.T) {
	c, d := up(t, history.Params{"bug": "stale-follower-read"})
	var edges []cluster.Edge
	for _, n := range others(c, "n1") {
		edges = append(edges, cluster.Edge{From: n.Name(), To: "n1"}, cluster.Edge{From: "n1", To: n.Name()})
	}
	if err := c.Cut(t.Context(), "w1", edges); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, c, d, c.Nodes[1], write, long); err != nil {
		t.Fatal(err)
	}
	if v, err := do(t, c, d, c.Nodes[0], read, long); err != nil || v != "" {
		t.Errorf("the replica that is cut off says %q, %v: it is not stale", v, err)
	}
}

func TestWhatProcessesDo(t *testing.T) {
	c, d := up(t, history.Params{})
	n := c.Nodes[2]
	p := n.(cluster.Processes)
	status := func() cluster.Process {
		s, err := p.Status(t.Context(), sample.Daemon)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := do(t, c, d, n, write, long); err != nil {
		t.Fatal(err)
	}
	pauser := c.DB.(cluster.Pauser)
	if err := pauser.Pause(t.Context(), c, n); err != nil {
		t.Fatal(err)
	}
	if s := status(); !s.Running || !s.Paused {
		t.Errorf("paused, it is %+v", s)
	}
	if _, err := do(t, c, d, n, read, short); err == nil {
		t.Error("paused, it answers")
	}
	if err := pauser.Resume(t.Context(), c, n); err != nil {
		t.Fatal(err)
	}
	if v, err := do(t, c, d, n, read, long); err != nil || v != "1" {
		t.Errorf("going on, it says %q, %v", v, err)
	}
	if err := c.DB.Kill(t.Context(), c, n); err != nil {
		t.Fatal(err)
	}
	if s := status(); s.Running || !s.Asked {
		t.Errorf("killed, it is %+v", s)
	}
	if _, err := do(t, c, d, n, write, long); !clients.IsNotDone(err) {
		t.Errorf("killed, it answers a write with %v", err)
	}
	for range 2 {
		if err := c.DB.Start(t.Context(), c, n); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := do(t, c, d, n, read, long); err != nil || v != "1" {
		t.Errorf("started again, it says %q, %v", v, err)
	}
	var log bytes.Buffer
	if err := n.(cluster.Files).Get(t.Context(), c.DB.(cluster.LogFiles).LogFiles(n)[0], &log, 0); err != nil || strings.Count(log.String(), "start:") != 2 {
		t.Errorf("its log says, with %v:\n%s", err, log.String())
	}
}

func TestMistakesAreSaid(t *testing.T) {
	if _, err := sample.NewProvider(history.Params{"bug": "gremlins"}); err == nil || !strings.Contains(err.Error(), "ack-before-commit") {
		t.Errorf("a bug that nobody knows: %v", err)
	}
	c, d := up(t, history.Params{})
	for _, op := range []history.Op{{F: "pop"}, {F: "cas", Value: "7"}} {
		if _, err := do(t, c, d, c.Nodes[0], op, long); !clients.IsNotDone(err) {
			t.Errorf("%s ends %v", op.F, err)
		}
	}
}
