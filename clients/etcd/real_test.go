package etcd_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	driver "github.com/partita-dev/partita/clients/etcd"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
	target "github.com/partita-dev/partita/docker/etcd"
	"github.com/partita-dev/partita/history"
)

const patience = time.Minute

// up starts three real members.
func up(t *testing.T) (*cluster.Cluster, target.DB) {
	t.Helper()
	clustertest.Require(t, "etcd", "etcd")
	c, db := clustertest.New(t, 3), target.DB{}
	for _, n := range c.Nodes {
		must(t, db.Setup(t.Context(), c, n))
		must(t, db.Start(t.Context(), c, n))
	}
	for _, n := range c.Nodes {
		until(t, n.Name()+" is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	}
	return c, db
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
	}
}

// client opens a connection of an object in a read mode to one node.
func client(t *testing.T, c *cluster.Cluster, n cluster.Node, object, mode string) clients.Conn {
	t.Helper()
	d, err := driver.New(history.Params{"object": object, "read-mode": mode})
	must(t, err)
	must(t, d.Setup(t.Context(), c, nil))
	conn, err := d.Open(t.Context(), c, n, 0)
	must(t, err)
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

func do(t *testing.T, c clients.Conn, f, key string, v history.Value) (history.Value, history.Value, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return c.Invoke(ctx, history.Op{F: f, Key: key, Value: v})
}

// A register is read, written and compared through different nodes of a real cluster.
func TestARegisterOnRealMembers(t *testing.T) {
	c, _ := up(t)
	one, two := client(t, c, c.Nodes[0], "register", "linearizable"), client(t, c, c.Nodes[1], "register", "linearizable")
	var revision int64
	for _, step := range []struct {
		conn clients.Conn
		f    string
		v    history.Value
		want history.Value
		code string // of an error that proves that nothing happened
	}{
		{one, "read", "", "", ""},
		{one, "cas", "[1,2]", "", "cas-mismatch"},
		{one, "cas", "[null,3]", "[null,3]", ""},
		{two, "cas", "[null,4]", "", "cas-mismatch"},
		{two, "read", "", "3", ""},
		{two, "write", `{"a": 5}`, `{"a": 5}`, ""},
		{one, "read", "", `{"a":5}`, ""},
		{one, "cas", `[{"a":  5},6]`, `[{"a":  5},6]`, ""},
		{two, "cas", `[5,7]`, "", "cas-mismatch"},
		{two, "read", "", "6", ""},
	} {
		got, ext, err := do(t, step.conn, step.f, "run1/r0", step.v)
		what := fmt.Sprintf("%s %s", step.f, step.v.JSON())
		if step.code != "" {
			if !clients.IsNotDone(err) || clients.ErrorOf(err).Code != step.code {
				t.Errorf("%s: %v; want %s", what, err, step.code)
			}
			continue
		}
		if err != nil || got != step.want {
			t.Fatalf("%s: %s, %v; want %s", what, got.JSON(), err, step.want.JSON())
		}
		var e struct{ Revision, Mod int64 }
		if err := ext.Decode(&e); err != nil || e.Revision < revision || e.Mod > e.Revision || (e.Mod == 0) != (step.f != "read" || got.IsNil()) {
			t.Errorf("%s: ext %s after revision %d: %v", what, ext, revision, err)
		}
		revision = e.Revision
	}
	if v, _, err := do(t, one, "read", "run2/r0", ""); err != nil || !v.IsNil() {
		t.Errorf("another run's register holds %s, %v", v.JSON(), err)
	}
}

// A set gives its elements in order; an empty one is [], not nil; a name that begins alike is another set.
func TestASetOnRealMembers(t *testing.T) {
	c, _ := up(t)
	for _, mode := range []string{"linearizable", "serializable"} {
		conn := client(t, c, c.Nodes[2], "set", mode)
		key := "run-" + mode + "/s"
		if v, _, err := do(t, conn, "read", key, ""); err != nil || v != "[]" {
			t.Errorf("%s: empty set %s, %v", mode, v.JSON(), err)
		}
		for _, n := range []int64{10, 9, -1, 100, 9} {
			if _, _, err := do(t, conn, "add", key, history.Int(n)); err != nil {
				t.Fatalf("%s: add %d: %v", mode, n, err)
			}
		}
		if _, _, err := do(t, conn, "add", key+"2", "77"); err != nil {
			t.Fatal(err)
		}
		if v, ext, err := do(t, conn, "read", key, ""); err != nil || v != "[-1,9,10,100]" || !strings.Contains(string(ext), `"revision":`) {
			t.Errorf("%s: %s %s, %v", mode, v.JSON(), ext, err)
		}
	}
}

// With the majority paused, a serializable read still answers from the node's own state, and a linearizable one
// and a write do not answer at all. A killed node refuses, which is no maybe; when it is back, the same
// connection works.
func TestFaultsOnRealMembers(t *testing.T) {
	c, db := up(t)
	n1 := c.Nodes[0]
	lin, ser := client(t, c, n1, "register", "linearizable"), client(t, c, n1, "register", "serializable")
	if _, _, err := do(t, lin, "write", "run/r", "1"); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes[1:] {
		must(t, db.Pause(t.Context(), c, n))
	}
	if v, _, err := do(t, ser, "read", "run/r", ""); err != nil || v != "1" {
		t.Errorf("serializable read without a majority: %s, %v", v.JSON(), err)
	}
	for _, f := range []string{"read", "write"} {
		conn := client(t, c, n1, "register", "linearizable")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		v, _, err := conn.Invoke(ctx, history.Op{F: f, Key: "run/r", Value: "2"})
		cancel()
		if err == nil || clients.IsNotDone(err) {
			t.Errorf("linearizable %s without a majority: %s, %v", f, v.JSON(), err)
		}
	}
	for _, n := range c.Nodes[1:] {
		must(t, db.Resume(t.Context(), c, n))
	}
	until(t, "n1 serves again", func(ctx context.Context) error { return db.Ready(ctx, c, n1) })

	must(t, db.Kill(t.Context(), c, n1))
	until(t, "a killed node refuses", func(ctx context.Context) error {
		_, _, err := lin.Invoke(ctx, history.Op{F: "write", Key: "run/r", Value: "3"})
		if clients.IsNotDone(err) && clients.ErrorOf(err).Code == "unreachable" {
			return nil
		}
		return fmt.Errorf("write on a killed node: %w", err)
	})
	must(t, db.Start(t.Context(), c, n1))
	until(t, "the same connection works again", func(ctx context.Context) error {
		_, _, err := lin.Invoke(ctx, history.Op{F: "write", Key: "run/r", Value: "4"})
		return err
	})
	if v, _, err := do(t, lin, "read", "run/r", ""); err != nil || v != "4" {
		t.Errorf("read after the restart: %s, %v", v.JSON(), err)
	}
}
