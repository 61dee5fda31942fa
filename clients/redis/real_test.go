package redis

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
	"github.com/partita-dev/partita/history"
)

// realServer starts Redis and Sentinel on each node, the others as replicas of the first.
func realServer(t *testing.T, nodes int) *cluster.Cluster {
	t.Helper()
	clustertest.Require(t, "redis", "redis-server", "redis-sentinel")
	c := clustertest.New(t, nodes)
	first, _ := c.Nodes[0].Peer(t.Context())
	for i, n := range c.Nodes {
		h := n.(*clustertest.Node)
		self, _ := n.Peer(t.Context())
		args := []string{"redis-server", "--bind", self[0].String(), "--dir", n.Dir(), "--save", "", "--repl-diskless-sync-delay", "0"}
		if i > 0 {
			args = append(args, "--replicaof", first[0].String()+" 6379")
		}
		conf := filepath.Join(n.Dir(), "sentinel.conf")
		content := fmt.Sprintf("bind %s\nport 26379\nsentinel monitor %s %s 6379 1\nsentinel down-after-milliseconds %s 600000\n", self[0], primaryName, first[0], primaryName)
		if err := os.WriteFile(conf, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, d := range []cluster.Daemon{
			{Name: "redis", Args: args, Log: filepath.Join(n.Dir(), "redis.log")},
			{Name: "sentinel", Args: []string{"redis-sentinel", conf}, Log: filepath.Join(n.Dir(), "sentinel.log")},
		} {
			if err := h.Start(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// probe is an operation that shows whether a server serves.
func probe(object string) history.Op {
	if object == ids {
		return history.Op{F: "generate", Key: "up"}
	}
	if object == queue {
		return history.Op{F: "dequeue", Key: "up"} // of an empty one
	}
	return history.Op{F: "read", Key: "up"}
}

// open opens a connection and waits until its server serves.
func open(t *testing.T, c *cluster.Cluster, p history.Params) clients.Conn {
	t.Helper()
	conn, err := driverFor(t, p).Open(t.Context(), c, c.Nodes[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, _, err := conn.Invoke(ctx, probe(p["object"]))
		if err == nil {
			return conn
		}
		select {
		case <-ctx.Done():
			t.Fatalf("redis does not serve: %v", err)
		case <-tick.C:
		}
	}
}

// admin gives a client of its own for the server on a node.
func admin(t *testing.T, n cluster.Node) *goredis.Client {
	t.Helper()
	raw, err := n.Dial(t.Context(), 6379)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(raw)
	t.Cleanup(l.close)
	return l.client
}

type step struct {
	f     string
	value history.Value
	want  history.Value
	code  string
}

func play(t *testing.T, conn clients.Conn, steps []step) {
	t.Helper()
	for _, s := range steps {
		v, ext, err := invoke(t, conn, history.Op{F: s.f, Key: "run/k", Value: s.value})
		if v != s.want || code(err) != s.code {
			t.Errorf("%s %s: %s, %v; want %s %s", s.f, s.value.JSON(), v.JSON(), err, s.want.JSON(), s.code)
		}
		if err == nil && !strings.HasPrefix(string(ext), `{"primary":"n1"`) {
			t.Errorf("%s: ext %s", s.f, ext)
		}
	}
}

// A register and a set mean on a real server what their operations say, with and without a replica's word for it.
func TestARealServer(t *testing.T) {
	c := realServer(t, 2)
	play(t, open(t, c, nil), []step{
		{"read", "", "", ""},
		{"cas", "[1,2]", "", "cas-mismatch"},
		{"cas", "[null, 1]", "[null, 1]", ""},
		{"cas", "[null,7]", "", "cas-mismatch"},
		{"read", "", "1", ""},
		{"write", `{"a": [1, 2]}`, `{"a": [1, 2]}`, ""},
		{"cas", `[{"a":[1,2]},3]`, `[{"a":[1,2]},3]`, ""},
		{"cas", "[4,5]", "", "cas-mismatch"},
		{"read", "", "3", ""},
	})
	admin(t, c.Nodes[0]).Do(t.Context(), "DEL", root+"run/k")
	conn := open(t, c, history.Params{"object": set, "wait": "1"})
	play(t, conn, []step{{"read", "", "[]", ""}})
	waitForReplica(t, c)
	play(t, conn, []step{
		{"add", "10", "10", ""}, {"add", "9", "9", ""}, {"add", "-1", "-1", ""}, {"add", "9", "9", ""},
		{"read", "", "[-1,9,10]", ""},
	})
	// What we did not write is shown, not hidden: it sorts last, as a string.
	admin(t, c.Nodes[0]).Do(t.Context(), "SADD", root+"run/k", "007", "x")
	play(t, conn, []step{{"read", "", `[-1,9,10,"007","x"]`, ""}})
	// One replica is all there is, so two never answer; the element is there all the same.
	two := open(t, c, history.Params{"object": set, "wait": "2"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, _, err := two.Invoke(ctx, history.Op{F: "add", Key: "run/k", Value: "77"})
	if code(err) != "wait-short" || clients.IsNotDone(err) {
		t.Errorf("WAIT for two of one: %v", err)
	}
	play(t, conn, []step{{"read", "", `[-1,9,10,77,"007","x"]`, ""}})
}

// waitForReplica waits until the primary has its replica.
func waitForReplica(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	a := admin(t, c.Nodes[0])
	ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if s, _ := a.Do(ctx, "INFO", "replication").Text(); strings.Contains(s, "state=online") {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the replica does not come")
		case <-tick.C:
		}
	}
}

// The refusals of a real server, also out of a script, prove what they are said to: nothing is there afterwards.
func TestARealServerRefuses(t *testing.T) {
	c := realServer(t, 1)
	open(t, c, nil)
	a := admin(t, c.Nodes[0])
	for _, k := range kinds {
		conn := open(t, c, k.params())
		a.Do(t.Context(), "CONFIG", "SET", "min-replicas-to-write", "1")
		if _, _, err := invoke(t, conn, create(k)); code(err) != "noreplicas" || !clients.IsNotDone(err) {
			t.Errorf("%s without replicas: %v", k.name, err)
		}
		a.Do(t.Context(), "CONFIG", "SET", "min-replicas-to-write", "0")
		// It is made a replica while the connection stays.
		play := func(want string) {
			t.Helper()
			if _, _, err := invoke(t, conn, create(k)); code(err) != want || !clients.IsNotDone(err) {
				t.Errorf("%s on a replica: %v; want %s", k.name, err, want)
			}
		}
		if _, _, err := invoke(t, conn, probe(k.object)); err != nil {
			t.Fatal(err)
		}
		a.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1")
		play("readonly")
		play("not-primary") // it looked again, before it sent anything
		a.Do(t.Context(), "REPLICAOF", "NO", "ONE")
		if n, err := a.Do(t.Context(), "EXISTS", root+"run/k").Int(); n != 0 || err != nil {
			t.Errorf("%s: %d keys after refusals only, %v", k.name, n, err)
		}
	}
}

// create is an operation of a kind that would make its key.
func create(k kind) history.Op {
	op := k.op(1)
	if k.f == "cas" {
		op.Value = "[null,1]"
	}
	return op
}
