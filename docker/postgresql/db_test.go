package postgresql

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition; what it last said is the failure.
func until(t *testing.T, what string, cond func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := cond(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not in time: %v", what, err)
		case <-tick.C:
		}
	}
}

func up(t *testing.T, nodes int, p history.Params) (*cluster.Cluster, *DB) {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) == 0 {
		clustertest.Require(t, "postgresql", "initdb")
	}
	c := clustertest.New(t, nodes)
	db, err := New(p)
	must(t, err)
	c.DB = db
	for _, n := range c.Nodes {
		must(t, db.Wipe(t.Context(), c, n)) // a first run has nothing to wipe
		must(t, db.Setup(t.Context(), c, n))
	}
	for _, n := range c.Nodes {
		must(t, db.Start(t.Context(), c, n))
	}
	for _, n := range c.Nodes {
		until(t, n.Name()+" is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	}
	return c, db.(*DB)
}

func do(t *testing.T, n cluster.Node, sql string) string {
	t.Helper()
	row, err := ask(t.Context(), n, sql)
	must(t, err)
	return strings.Join(row, " ")
}

func primaries(t *testing.T, c *cluster.Cluster) []string {
	t.Helper()
	names, err := c.DB.(*DB).Primaries(t.Context(), c)
	must(t, err)
	return names
}

// A primary dies, a standby takes over, and the old one comes back believing that nothing happened: what only it has is
// thrown away when it rejoins. Then the way back.
func TestAPromotionAndTheWayBack(t *testing.T) {
	c, db := up(t, 3, nil)
	ctx := t.Context()
	n1, n2, n3 := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	if v, err := db.Version(ctx, c, n2); err != nil || !strings.HasPrefix(v, "1") {
		t.Errorf("version %q, %v", v, err)
	}
	do(t, n1, "CREATE TABLE t (x int); INSERT INTO t VALUES (1)")
	for _, n := range []cluster.Node{n2, n3} {
		until(t, "the row is on "+n.Name(), func(ctx context.Context) error { _, err := ask(ctx, n, "SELECT 1/count(*) FROM t"); return err })
	}
	must(t, db.Promote(ctx, c, []string{"n2", "n3"}))
	must(t, db.Promote(ctx, c, []string{"n2", "n3"})) // it is done already
	got := primaries(t, c)
	if len(got) != 2 || got[0] == "n1" || got[1] != "n1" {
		t.Fatalf("primaries %v, expected n1 behind its successor", got)
	}
	successor, err := c.Node(got[0])
	must(t, err)
	if err := db.Ready(ctx, c, n1); err == nil || !strings.Contains(err.Error(), "2 primaries") {
		t.Errorf("a deposed primary is ready: %v", err)
	}
	do(t, n1, "INSERT INTO t VALUES (2)") // acknowledged, and lost
	do(t, successor, "INSERT INTO t VALUES (3)")

	must(t, db.Rejoin(ctx, c, n1))
	must(t, db.Rejoin(ctx, c, n1)) // it is a standby already
	for _, n := range c.Nodes {
		until(t, n.Name()+" is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	}
	if got := primaries(t, c); !slices.Equal(got, []string{successor.Name()}) {
		t.Errorf("primaries %v", got)
	}
	until(t, "n1 has what its successor has", func(ctx context.Context) error {
		_, err := ask(ctx, n1, "SELECT 1/count(*) FROM t WHERE x = 3")
		return err
	})
	if got := do(t, n1, "SELECT string_agg(x::text, ',' ORDER BY x) FROM t"); got != "1,3" {
		t.Errorf("n1 holds %s", got)
	}

	must(t, db.Kill(ctx, c, successor))
	must(t, db.Promote(ctx, c, []string{"n1"}))
	must(t, db.Rejoin(ctx, c, successor)) // killed, never shut down
	for _, n := range c.Nodes[:2] {
		until(t, n.Name()+" is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	}
	if got := primaries(t, c); got[0] != "n1" {
		t.Errorf("primaries %v", got)
	}
}

// A commit waits for the standby when it was asked to, and for nobody when there is none left.
func TestSynchronousReplication(t *testing.T) {
	c, db := up(t, 2, history.Params{"replication": "sync"})
	ctx := t.Context()
	n1, n2 := c.Nodes[0], c.Nodes[1]
	do(t, n1, "CREATE TABLE t (x int)")
	must(t, db.Pause(ctx, c, n2))
	if err := db.Wipe(ctx, c, n2); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("wipe of a server that runs: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := ask(short, n1, "INSERT INTO t VALUES (1)"); err == nil {
		t.Errorf("a commit was acknowledged without the standby")
	}
	must(t, db.Resume(ctx, c, n2))
	until(t, "n2 is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n2) })

	must(t, db.Kill(ctx, c, n1))
	must(t, db.Promote(ctx, c, []string{"n2"}))
	do(t, n2, "INSERT INTO t VALUES (2)") // alone, it serves
	must(t, db.Rejoin(ctx, c, n1))
	if got := do(t, n2, "SHOW synchronous_standby_names"); got != "*" {
		t.Errorf("after the old primary rejoined, commits wait for %q", got)
	}
	for _, n := range c.Nodes {
		until(t, n.Name()+" is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	}
	for _, f := range db.LogFiles(n1) {
		if b, err := os.ReadFile(f); err != nil || len(b) == 0 {
			t.Errorf("log %s: %d bytes, %v", f, len(b), err)
		}
	}
	must(t, db.Stop(ctx, c, n1))
	must(t, db.Wipe(ctx, c, n1))
}

// One node alone comes back from a kill with all that it acknowledged.
func TestOneNodeIsKilled(t *testing.T) {
	c, db := up(t, 1, history.Params{"replication": "sync"})
	ctx, n := t.Context(), c.Nodes[0]
	do(t, n, "CREATE TABLE t (x int); INSERT INTO t VALUES (7)")
	must(t, db.Kill(ctx, c, n))
	if err := db.Ready(ctx, c, n); err == nil {
		t.Errorf("a killed server is ready")
	}
	if _, err := db.Primaries(ctx, c); err == nil || !strings.Contains(err.Error(), "no node answers") {
		t.Errorf("primaries of the dead: %v", err)
	}
	must(t, db.Start(ctx, c, n))
	must(t, db.Start(ctx, c, n)) // that it runs is no error
	until(t, "it is ready", func(ctx context.Context) error { return db.Ready(ctx, c, n) })
	if got := do(t, n, "SELECT x FROM t"); got != "7" {
		t.Errorf("it holds %q", got)
	}
	must(t, db.Rejoin(ctx, c, n)) // there is nobody to follow
	if _, err := New(history.Params{"replication": "perhaps"}); err == nil || !strings.Contains(err.Error(), "async, sync") {
		t.Errorf("a wrong parameter: %v", err)
	}
}
