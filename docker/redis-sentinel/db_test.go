package redissentinel

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// until waits for a condition; what it last said is the failure.
func until(t *testing.T, what string, cond func(context.Context) (string, bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		now, ok := cond(ctx)
		if ok {
			return
		}
		if ctx.Err() == nil { // else it says only that the time is over
			last = now
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not in time: %s", what, last)
		case <-tick.C:
		}
	}
}

func ready(t *testing.T, c *cluster.Cluster, n cluster.Node) {
	t.Helper()
	until(t, n.Name()+" is ready", func(ctx context.Context) (string, bool) {
		err := c.DB.Ready(ctx, c, n)
		return errText(err), err == nil
	})
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func up(t *testing.T, nodes int, p history.Params) (*cluster.Cluster, *DB) {
	t.Helper()
	clustertest.Require(t, "redis", "redis-server", "redis-sentinel")
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
		ready(t, c, n)
	}
	return c, db.(*DB)
}

// primary waits until there is one primary, and not that which is passed over.
func primary(t *testing.T, c *cluster.Cluster, not string) cluster.Node {
	t.Helper()
	var n cluster.Node
	until(t, "a primary", func(ctx context.Context) (string, bool) {
		p, err := c.DB.(*DB).Primaries(ctx, c)
		if err != nil || len(p) != 1 || p[0] == not {
			return strings.Join(p, ",") + " " + errText(err), false
		}
		n, err = c.Node(p[0])
		return errText(err), err == nil
	})
	return n
}

func do(t *testing.T, n cluster.Node, question ...any) any {
	t.Helper()
	answer, err := ask(t.Context(), n, redisPort, question...)
	must(t, err)
	return answer
}

// The primary is killed: another takes over, and the old one comes back with the configuration that it had and
// becomes a replica of it, which is what Ready waits for.
func TestAPrimaryIsKilledAndComesBackAsAReplica(t *testing.T) {
	t.Parallel() // most of it is waiting
	c, db := up(t, 3, history.Params{"min-replicas": "1"})
	ctx := t.Context()
	if v, err := db.Version(ctx, c, c.Nodes[2]); err != nil || !strings.HasPrefix(v, "7.") && !strings.HasPrefix(v, "8.") {
		t.Errorf("version %q, %v", v, err)
	}
	first := primary(t, c, "")
	if first.Name() != "n1" {
		t.Errorf("the first primary is %s, not n1", first.Name())
	}
	if got := do(t, first, "CONFIG", "GET", "min-replicas-to-write"); !slices.Equal(got.([]any), []any{"min-replicas-to-write", "1"}) {
		t.Errorf("min-replicas: %v", got)
	}
	do(t, first, "SET", "k", "before")

	must(t, db.Kill(ctx, c, first))
	if err := db.Ready(ctx, c, first); err == nil || !strings.Contains(err.Error(), "sentinel on n1") {
		t.Errorf("a killed node is ready: %v", err)
	}
	second := primary(t, c, first.Name())
	until(t, "the new primary has the replica that it wants", func(ctx context.Context) (string, bool) {
		_, err := ask(ctx, second, redisPort, "SET", "k", "after")
		return errText(err), err == nil
	})

	written, err := os.ReadFile(redisConf(second))
	must(t, err)
	if strings.Contains(string(written), "replicaof") {
		t.Errorf("the promoted node's configuration was not rewritten:\n%s", written)
	}
	must(t, db.Start(ctx, c, first))
	must(t, db.Start(ctx, c, first)) // that it runs is no error
	ready(t, c, first)
	// Its sentinel, which makes it a replica once more for good measure, closes the connections of its clients.
	until(t, "the old primary has the new data", func(ctx context.Context) (string, bool) {
		got, err := ask(ctx, first, redisPort, "GET", "k")
		return fmt.Sprint(got, " ", errText(err)), err == nil && got == "after"
	})
	if s, err := standingOf(ctx, first); err != nil || s.primary || s.link != "connected" {
		t.Errorf("the old primary stands as %+v, %v", s, err)
	}
	for _, f := range db.LogFiles(first) {
		if b, err := os.ReadFile(f); err != nil || len(b) == 0 {
			t.Errorf("log %s: %d bytes, %v", f, len(b), err)
		}
	}
}

// A paused primary is replaced too. When it goes on it believes for a moment that nothing happened, then it joins.
func TestAPrimaryIsPaused(t *testing.T) {
	t.Parallel()
	c, db := up(t, 3, nil)
	ctx := t.Context()
	first := primary(t, c, "")
	must(t, db.Pause(ctx, c, first))
	if err := db.Ready(ctx, c, first); err == nil {
		t.Errorf("a paused node is ready")
	}
	second := primary(t, c, first.Name())
	must(t, db.Resume(ctx, c, first))
	until(t, "the paused primary is a replica", func(ctx context.Context) (string, bool) {
		s, err := standingOf(ctx, first)
		return errText(err), err == nil && !s.primary
	})
	for _, n := range c.Nodes {
		ready(t, c, n)
	}
	if got := primary(t, c, first.Name()); got.Name() != second.Name() {
		t.Errorf("the primary changed from %s to %s without a reason", second.Name(), got.Name())
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
	c, db := up(t, 1, nil)
	ctx, n := t.Context(), c.Nodes[0]
	if err := db.Wipe(ctx, c, n); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("wipe of a running node: %v", err)
	}
	if _, err := os.Stat(redisConf(n)); err != nil {
		t.Fatalf("a refused wipe removed data: %v", err)
	}
	must(t, db.Stop(ctx, c, n))
	must(t, db.Wipe(ctx, c, n))
	for _, dir := range []string{redisDir(n), sentinelDir(n)} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there after a wipe: %v", dir, err)
		}
	}
	if b, err := os.ReadFile(redisLog(n)); err != nil || len(b) == 0 {
		t.Errorf("wipe took the log: %v", err)
	}
	must(t, db.Setup(ctx, c, n))
	if b, err := os.ReadFile(redisLog(n)); err != nil || len(b) > 0 {
		t.Errorf("set up kept the log of an earlier run: %d bytes, %v", len(b), err)
	}
	if err := db.Wipe(ctx, c, stubborn{n.(*clustertest.Node)}); err == nil || !strings.Contains(err.Error(), "still there") {
		t.Errorf("wipe that removed nothing: %v", err)
	}
}

// Redis can answer "can't exit" to SIGTERM and forget it. Stop asks again, and says when nothing helps.
func TestStopAsksAgain(t *testing.T) {
	t.Parallel()
	n := &deaf{Node: clustertest.New(t, 1).Nodes[0].(*clustertest.Node), hears: 2}
	must(t, (&DB{}).Stop(t.Context(), nil, n))
	if n.asked.Load() != 2 {
		t.Errorf("asked %d times", n.asked.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	n = &deaf{Node: n.Node, hears: 1000}
	if err := (&DB{}).Stop(ctx, nil, n); err == nil || !strings.Contains(err.Error(), "stop Redis on n1") {
		t.Errorf("stop of what does not end: %v", err)
	}
}

// deaf is a node whose redis ends at the nth SIGTERM.
type deaf struct {
	*clustertest.Node
	hears int32
	asked atomic.Int32
}

func (d *deaf) Signal(ctx context.Context, daemon string, _ cluster.Signal) error {
	if daemon != redisDaemon || d.asked.Add(1) >= d.hears {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
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

func TestBadParameters(t *testing.T) {
	for _, v := range []string{"many", "-1"} {
		if _, err := New(history.Params{"min-replicas": v}); err == nil || !strings.Contains(err.Error(), "min-replicas") {
			t.Errorf("min-replicas=%s: %v", v, err)
		}
	}
}
