package postgres

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cluster/clustertest"
	"github.com/partita-dev/partita/history"
)

// server starts one real PostgreSQL.
func server(t *testing.T) (*cluster.Cluster, *clustertest.Node) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		clustertest.Require(t, "postgresql", "initdb")
		found = []string{"initdb"}
	}
	bin := filepath.Dir(slices.Max(found))
	c := clustertest.New(t, 1)
	n := c.Nodes[0].(*clustertest.Node)
	addrs, err := n.Peer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var as []string
	if os.Getuid() == 0 { // the server refuses to run as root
		as = []string{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"}
		if _, err := n.Exec(t.Context(), cluster.Cmd{Args: []string{"chown", "postgres", n.Dir()}}); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(n.Dir(), "data")
	if _, err := n.Exec(t.Context(), cluster.Cmd{Args: append(slices.Clone(as), filepath.Join(bin, "initdb"), "-D", data, "-U", user, "-A", "trust", "--no-sync")}); err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(as), filepath.Join(bin, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-c", "listen_addresses="+addrs[0].String(),
		"-c", "unix_socket_directories="+n.Dir(), "-c", "fsync=off")
	if err := n.Start(t.Context(), cluster.Daemon{Name: "postgres", Args: args, Dir: n.Dir()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := driverFor(t, nil).Setup(ctx, c, nil)
		if err == nil {
			return c, n
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, c *cluster.Cluster, p history.Params) *conn {
	t.Helper()
	x, err := driverFor(t, p).Open(t.Context(), c, c.Nodes[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x.(*conn)
}

// does gives "value", or "code" with "fail: " before it when the operation certainly did not happen.
func does(t *testing.T, c *conn, f, key string, v history.Value) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
	defer cancel()
	value, _, err := c.Invoke(ctx, history.Op{F: f, Key: key, Value: v})
	switch {
	case err == nil:
		return value.JSON()
	case clients.IsNotDone(err):
		return "fail: " + clients.ErrorOf(err).Code
	}
	return "info: " + clients.ErrorOf(err).Code
}

// Every operation of every object on a real server.
func TestOperations(t *testing.T) {
	cl, _ := server(t)
	for _, reads := range []string{"primary", "both"} {
		for _, s := range []struct{ object, f, value, want string }{
			{register, "read", "", "null"},
			{register, "cas", "[null,1]", "[null,1]"},
			{register, "cas", "[null,1]", "fail: cas-mismatch"},
			{register, "cas", "[1,2]", "[1,2]"},
			{register, "cas", "[1,3]", "fail: cas-mismatch"},
			{register, "write", "5", "5"},
			{register, "read", "", "5"},
			{register, "write", "", "fail: bad-op"},
			{set, "read", "", "[]"},
			{set, "add", "11", "11"},
			{set, "add", "2", "2"},
			{set, "read", "", "[2,11]"},
			{bank, "read", "", `{"0":10,"1":10,"2":10}`},
			{bank, "transfer", `{"from":0,"to":2,"amount":4}`, `{"from":0,"to":2,"amount":4}`},
			{bank, "transfer", `{"from":0,"to":2,"amount":7}`, "fail: insufficient"},
			{bank, "transfer", `{"from":0,"to":3,"amount":7}`, "fail: bad-op"},
			{bank, "read", "", `{"0":6,"1":10,"2":14}`},
			{listAppend, "txn", `[["r",1,null],["append",1,7],["append","a",8],["r",1,null]]`, `[["r",1,[]],["append",1,7],["append","a",8],["r",1,[7]]]`},
			{listAppend, "txn", `[["append",1,9],["r","a",null],["r",1,null]]`, `[["append",1,9],["r","a",[8]],["r",1,[7,9]]]`},
			{listAppend, "txn", `[["w",1,9]]`, "fail: bad-op"},
			{rwRegister, "txn", `[["r",1,null],["w",1,7],["r",1,null]]`, `[["r",1,null],["w",1,7],["r",1,7]]`},
			{rwRegister, "txn", `[["r",1,null]]`, `[["r",1,7]]`},
			{rwRegister, "write", "5", "fail: bad-op"},
		} {
			c := open(t, cl, history.Params{"object": s.object, "reads": reads, "accounts": "3"})
			if got := does(t, c, s.f, s.object+" "+reads, history.Value(s.value)); got != s.want {
				t.Errorf("%s %s %s: %s, want %s", s.object, s.f, s.value, got, s.want)
			}
		}
	}
	c := open(t, cl, history.Params{"object": set, "reads": "standby"})
	if got := does(t, c, "read", "x", ""); got != "fail: no-standby" {
		t.Errorf("a read of a standby where there is none: %s", got)
	}
}

// Two transactions that read each other's write: serializable aborts one of them, and says so; repeatable read does not
// notice; read committed does not even notice that the second read is of another moment.
func TestIsolation(t *testing.T) {
	cl, _ := server(t)
	for level, want := range map[string]string{"serializable": "fail: serialization", "repeatable-read": "ok", "read-committed": "ok"} {
		p := history.Params{"object": rwRegister, "isolation": level}
		a, b := open(t, cl, p), open(t, cl, p)
		ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
		defer cancel()
		la, err := a.link(ctx, toPrimary)
		if err != nil {
			t.Fatal(err)
		}
		err = within(ctx, la, func() error {
			if _, err := readRegister(ctx, la, level+"/x"); err != nil {
				return err
			}
			if got := does(t, b, "txn", level, `[["r","y",null],["w","x",1]]`); got != `[["r","y",null],["w","x",1]]` {
				return fmt.Errorf("the other one: %s", got)
			}
			_, _, err := la.query(ctx, upsert, level+"/y", "2")
			return err
		})
		got := "ok"
		if err != nil {
			got = "fail: " + clients.ErrorOf(err).Code
			if !clients.IsNotDone(err) {
				got = "info: " + err.Error()
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", level, got, want)
		}
		if got := does(t, a, "txn", "after", `[["w","z",1]]`); got != `[["w","z",1]]` {
			t.Errorf("%s: the connection is not good afterwards: %s", level, got)
		}
	}
}

// A COMMIT of a transaction that failed before is answered with ROLLBACK, which is no error.
func TestACommitThatRollsBack(t *testing.T) {
	cl, n := server(t)
	c := open(t, cl, history.Params{"object": rwRegister})
	ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
	defer cancel()
	l, err := c.link(ctx, toPrimary)
	if err != nil {
		t.Fatal(err)
	}
	err = within(ctx, l, func() error {
		_, _, _ = l.query(ctx, "SELECT 1/0")
		return nil
	})
	if got := clients.ErrorOf(err).Code; got != "rolled-back" || !clients.IsNotDone(err) {
		t.Errorf("%v", err)
	}
	if err := n.Signal(ctx, "postgres", cluster.SigKill); err != nil {
		t.Fatal(err)
	}
	if got := does(t, c, "txn", "k", `[["w",1,1]]`); got[:5] != "fail:" {
		t.Errorf("of a dead server: %s", got)
	}
	if got := does(t, c, "txn", "k", `[["w",1,1]]`); got != "fail: unreachable" {
		t.Errorf("and again: %s", got)
	}
}
