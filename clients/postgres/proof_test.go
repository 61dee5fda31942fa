package postgres

import (
	"context"
	"fmt"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds are the effects, each with the object that it belongs to.
var kinds = []struct {
	object string
	op     func(n int) history.Op
}{
	{register, func(n int) history.Op { return history.Op{F: "write", Key: "k", Value: history.Int(int64(n))} }},
	{register, func(n int) history.Op {
		return history.Op{F: "cas", Key: "k", Value: history.Pair(history.Int(int64(n)), history.Int(int64(n+1)))}
	}},
	{set, func(n int) history.Op { return history.Op{F: "add", Key: "k", Value: history.Int(int64(n))} }},
}

// transactions are the effects of several statements: what counts is their COMMIT.
var transactions = []struct {
	object string
	op     history.Op
	says   []string // the first words of its statements
}{
	{bank, history.Op{F: "transfer", Key: "k", Value: `{"from":0,"to":1,"amount":1}`}, []string{"BEGIN", "SELECT", "INSERT", "COMMIT"}},
	{listAppend, history.Op{F: "txn", Value: `[["r",1,null],["append",1,7]]`}, []string{"BEGIN", "SELECT", "INSERT", "COMMIT"}},
	{rwRegister, history.Op{F: "txn", Value: `[["w","x",1],["w","y",2]]`}, []string{"BEGIN", "INSERT", "COMMIT"}},
}

func driverFor(t *testing.T, p history.Params) driver {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return d.(driver)
}

// prove runs the proof for one kind of effect.
func prove(t *testing.T, object string, op func(int) history.Op, change func(*driver, *clienttest.Proxy)) (trials []clienttest.Trial, server *peer) {
	t.Helper()
	server = newPeer(t)
	proxy := clienttest.NewProxy(t, server.addr)
	n := proxy.Node("n1")
	d := driverFor(t, history.Params{"object": object})
	if change != nil {
		change(&d, proxy)
	}
	return clienttest.Prove(t, clienttest.Subject{
		Proxy: proxy,
		Open: func(ctx context.Context) (clients.Conn, error) {
			return d.Open(ctx, &cluster.Cluster{Nodes: []cluster.Node{n}}, n, 0)
		},
		Op:      op,
		Effects: server.counted,
	}), server
}

// Under each failure, each kind of effect arrives at most once, and is called failed only when it did not arrive.
func TestNoEffectIsSentTwice(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.object+" "+k.op(0).F, func(t *testing.T) {
			t.Parallel()
			trials, server := prove(t, k.object, k.op, nil)
			for _, tr := range trials {
				if err := tr.Judge(); err != nil {
					t.Error(err)
				}
			}
			if n := server.cancelled(); n > 0 {
				t.Errorf("%d cancel requests were sent", n)
			}
		})
	}
}

// A transaction is broken off at each of its statements, by a server that goes or says nothing. Until COMMIT was sent it
// certainly did not happen, from then on nobody knows, and COMMIT is sent once.
func TestATransactionIsBrokenOff(t *testing.T) {
	for _, k := range transactions {
		for _, at := range k.says {
			for _, silent := range []bool{false, true} {
				server := newPeer(t)
				server.breakAt(at, silent)
				n := clienttest.NewProxy(t, server.addr).Node("n1")
				d := driverFor(t, history.Params{"object": k.object})
				c, err := d.Open(t.Context(), &cluster.Cluster{Nodes: []cluster.Node{n}}, n, 0)
				if err != nil {
					t.Fatal(err)
				}
				limit := clienttest.Patience
				if silent {
					limit = clienttest.Deadline / 4
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				_, _, err = c.Invoke(ctx, k.op)
				cancel()
				what := fmt.Sprintf("%s, broken off at %s, silent %v", k.object, at, silent)
				if want := at != "COMMIT"; err == nil || clients.IsNotDone(err) != want {
					t.Errorf("%s: %v; want that it certainly did not happen: %v", what, err, want)
				}
				server.breakAt("", false)
				good, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
				if _, _, err := c.Invoke(good, k.op); err != nil {
					t.Errorf("%s: the next operation: %v", what, err)
				}
				cancel()
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				want := 1
				if at == "COMMIT" {
					want = 2
				}
				if got := server.counted(); got != want {
					t.Errorf("%s: %d commits arrived, want %d", what, got, want)
				}
			}
		}
	}
}

// pgx by itself connects once more when a deadline passes, and asks the server to cancel.
func TestTheProofFindsCancelRequests(t *testing.T) {
	_, server := prove(t, register, kinds[0].op, func(d *driver, p *clienttest.Proxy) {
		d.redial = func(ctx context.Context, n cluster.Node) (net.Conn, error) { return n.Dial(ctx, port) }
	})
	if server.cancelled() == 0 {
		t.Error("no cancel request was sent: refusing the second dial is good for nothing")
	}
}
