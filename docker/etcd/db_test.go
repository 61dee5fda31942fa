package etcd

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits for a condition; what it last said is the failure.
func until(t *testing.T, what string, cond func(context.Context) (string, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		last, ok := cond(ctx)
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within a minute: %s", what, last)
		case <-tick.C:
		}
	}
}

func ready(t *testing.T, c *cluster.Cluster, db cluster.Database, n cluster.Node) {
	t.Helper()
	until(t, n.Name()+" is ready", func(ctx context.Context) (string, bool) {
		err := db.Ready(ctx, c, n)
		if err != nil {
			return err.Error(), false
		}
		return "", true
	})
}

func up(t *testing.T, nodes int) (*cluster.Cluster, DB) {
	t.Helper()
	clustertest.Require(t, "etcd", "etcd")
	c := clustertest.New(t, nodes)
	c.DB = DB{}
	for _, n := range c.Nodes {
		must(t, c.DB.Wipe(t.Context(), c, n)) // a first run has nothing to wipe
		must(t, c.DB.Setup(t.Context(), c, n))
	}
	for _, n := range c.Nodes {
		must(t, c.DB.Start(t.Context(), c, n))
	}
	for _, n := range c.Nodes {
		ready(t, c, c.DB, n)
	}
	return c, DB{}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leader waits until the cluster has a leader that is not one of those passed over.
func leader(t *testing.T, c *cluster.Cluster, db DB, not ...string) cluster.Node {
	t.Helper()
	var n cluster.Node
	until(t, "a leader", func(ctx context.Context) (string, bool) {
		p, err := db.Primaries(ctx, c)
		if err != nil || len(p) != 1 || slices.Contains(not, p[0]) {
			return strings.Join(p, ",") + " " + errText(err), false
		}
		n, err = c.Node(p[0])
		return errText(err), err == nil
	})
	return n
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Three members come up, lose their leader to a kill and to a pause, and get it back.
func TestALeaderIsKilledAndPaused(t *testing.T) {
	c, db := up(t, 3)
	ctx := t.Context()
	if v, err := db.Version(ctx, c, c.Nodes[2]); err != nil || !strings.HasPrefix(v, "3.") {
		t.Errorf("version %q, %v", v, err)
	}

	first := leader(t, c, db)
	must(t, db.Kill(ctx, c, first))
	if err := db.Ready(ctx, c, first); err == nil || !strings.Contains(err.Error(), "read from etcd on "+first.Name()) {
		t.Errorf("a killed member is ready: %v", err)
	}
	second := leader(t, c, db, first.Name())
	must(t, db.Start(ctx, c, first))
	ready(t, c, db, first)
	must(t, db.Start(ctx, c, first)) // that it runs is no error

	must(t, db.Pause(ctx, c, second))
	if err := db.Ready(ctx, c, second); err == nil {
		t.Errorf("a paused member is ready")
	}
	leader(t, c, db, second.Name())
	must(t, db.Resume(ctx, c, second))
	ready(t, c, db, second)

	for _, f := range db.LogFiles(first) {
		if b, err := os.ReadFile(f); err != nil || !strings.Contains(string(b), `"etcd-version"`) {
			t.Errorf("log %s: %d bytes, %v", f, len(b), err)
		}
	}
	for _, n := range c.Nodes {
		must(t, db.Stop(ctx, c, n))
	}
	if p, err := db.Primaries(ctx, c); err == nil || !strings.Contains(err.Error(), "n2") {
		t.Errorf("primaries of a stopped cluster: %v, %v", p, err)
	}
}

// Wipe refuses a server that runs, removes what a stopped one left, and says when something stays.
func TestWipe(t *testing.T) {
	c, db := up(t, 1)
	ctx, n := t.Context(), c.Nodes[0]
	if err := db.Wipe(ctx, c, n); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("wipe of a running member: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dataDir(n), "member")); err != nil {
		t.Fatalf("a refused wipe removed data: %v", err)
	}
	must(t, db.Stop(ctx, c, n))
	must(t, db.Wipe(ctx, c, n))
	if _, err := os.Stat(dataDir(n)); !os.IsNotExist(err) {
		t.Errorf("wiped data is still there: %v", err)
	}
	if _, err := os.Stat(logFile(n)); err != nil {
		t.Errorf("wipe took the log: %v", err)
	}
	must(t, db.Setup(ctx, c, n))
	if _, err := os.Stat(logFile(n)); !os.IsNotExist(err) {
		t.Errorf("set up kept the log of an earlier run: %v", err)
	}

	must(t, os.MkdirAll(dataDir(n), 0o755))
	if err := db.Wipe(ctx, c, stubborn{n.(*clustertest.Node)}); err == nil || !strings.Contains(err.Error(), "still there") {
		t.Errorf("wipe that removed nothing: %v", err)
	}
}

// stubborn is a node on which rm removes nothing and says so to nobody.
type stubborn struct{ *clustertest.Node }

func (s stubborn) Exec(ctx context.Context, c cluster.Cmd) (cluster.Output, error) {
	if c.Args[0] == "rm" {
		return cluster.Output{}, nil
	}
	return s.Node.Exec(ctx, c)
}

func TestTheImageIsOneDockerfile(t *testing.T) {
	b, err := fs.ReadFile(Image, "Dockerfile")
	if err != nil || !strings.HasPrefix(string(b), "ARG BASE=debian:bookworm-slim\nFROM ${BASE}\n") {
		t.Errorf("%v: %.60q", err, b)
	}
}
