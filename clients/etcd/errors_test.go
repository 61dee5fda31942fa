package etcd

import (
	"context"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/history"
)

// Of all that the server can answer to a write, one error proves that nothing happened. The peer applies every
// write before it answers with the error: what is taken for a failure here would be a false anomaly.
func TestWhatTheServerSaysIsRarelyProof(t *testing.T) {
	p := newPeer(t)
	proxy := clienttest.NewProxy(t, p.addr)
	d := driverFor(t, nil)
	for _, c := range []struct {
		answer  error
		code    string
		notDone bool
	}{
		{rpctypes.ErrGRPCRequestTooManyRequests, "too-many-requests", true},
		{rpctypes.ErrGRPCNoSpace, "no-space", false},
		{rpctypes.ErrGRPCNoLeader, "no-leader", false},
		{rpctypes.ErrGRPCLeaderChanged, "leader-changed", false},
		{rpctypes.ErrGRPCNotLeader, "not-leader", false},
		{rpctypes.ErrGRPCTimeout, "server-timeout", false},
		{rpctypes.ErrGRPCTimeoutDueToLeaderFail, "server-timeout", false},
		{rpctypes.ErrGRPCTimeoutDueToConnectionLost, "server-timeout", false},
		{rpctypes.ErrGRPCStopped, "stopped", false},
		{rpctypes.ErrGRPCUnhealthy, "unhealthy", false},
		{rpctypes.ErrGRPCCorrupt, "corrupt", false},
		{rpctypes.ErrGRPCInvalidAuthToken, "error", false},
		{rpctypes.ErrGRPCAuthOldRevision, "error", false},
		{rpctypes.ErrGRPCUserEmpty, "error", false},
		{rpctypes.ErrGRPCDeadlineExceeded, "timeout", false},
		{rpctypes.ErrGRPCCanceled, "error", false},
		{status.Error(codes.Unavailable, "connection refused, says the server"), "unavailable", false},
		{status.Error(codes.Unavailable, "there is no connection available"), "unavailable", false}, // the client's own word for a safe retry
		{status.Error(codes.ResourceExhausted, "anything"), "error", false},
		{status.Error(codes.Unknown, "<script>"), "error", false},
	} {
		p.answers(func(context.Context) error { return c.answer })
		conn, err := d.Open(t.Context(), nil, proxy.Node("n1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		before := p.count()
		err = invoke(t.Context(), conn, "1")
		if clients.IsNotDone(err) != c.notDone || code(err) != c.code {
			t.Errorf("%v: NotDone %v, code %q; want %v, %q", c.answer, clients.IsNotDone(err), code(err), c.notDone, c.code)
		}
		if n := p.count() - before; n != 1 {
			t.Errorf("%v: sent %d times", c.answer, n)
		}
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// Without a witness nothing is proof: a configuration that loses it must not turn errors into failures.
func TestNoWitnessNoProof(t *testing.T) {
	_, call := watched(t.Context())
	for _, err := range []error{status.Error(codes.Unavailable, "connection error"), status.Error(codes.DeadlineExceeded, "while connecting"), context.DeadlineExceeded} {
		if got := classify(t.Context(), err, call.unsent()); clients.IsNotDone(got) {
			t.Errorf("NotDone without a witness: %v", got)
		}
	}
}

func TestParametersAndOperationsThatMakeNoSense(t *testing.T) {
	for _, c := range []struct {
		p    history.Params
		says string
	}{
		{history.Params{"read-mode": "stale"}, `parameter read-mode="stale": choose from linearizable, serializable`},
		{history.Params{"object": "tree"}, `parameter object="tree": choose from register, set, counter, ids, bank, lock, queue`},
		{history.Params{"accounts": "0"}, "parameter accounts=0: expected 1 or more"},
	} {
		if _, err := New(c.p); err == nil || err.Error() != c.says {
			t.Errorf("%v: %v", c.p, err)
		}
	}
	p := newPeer(t)
	proxy := clienttest.NewProxy(t, p.addr)
	for _, c := range []struct {
		object string
		op     history.Op
		says   string
	}{
		{register, history.Op{F: "drop"}, `no operation "drop" on a register`},
		{register, history.Op{F: "add", Value: "1"}, `no operation "add" on a register`},
		{set, history.Op{F: "write", Value: "1"}, `no operation "write" on a set`},
		{register, history.Op{F: "write", Key: "k"}, "write of nothing"},
		{register, history.Op{F: "cas", Key: "k", Value: "[1]"}, "expected [from,to]"},
		{register, history.Op{F: "cas", Key: "k", Value: "[1,null]"}, "expected [from,to]"},
		{set, history.Op{F: "add", Key: "k", Value: `"../../x"`}, "expected a whole number"},
		{counter, history.Op{F: "add", Key: "k", Value: `"1"`}, "expected a whole number"},
		{ids, history.Op{F: "read", Key: "k"}, `no operation "read" on a ids`},
		{bank, history.Op{F: "transfer", Key: "k", Value: `{"from":0,"to":8,"amount":1}`}, "two of 8 accounts"},
		{bank, history.Op{F: "transfer", Key: "k", Value: `{"from":0,"to":0,"amount":1}`}, "two of 8 accounts"},
		{bank, history.Op{F: "transfer", Key: "k", Value: `{"from":0,"to":1,"amount":-1}`}, "two of 8 accounts"},
		{bank, history.Op{F: "transfer", Key: "k", Value: `{"to":1,"amount":1}`}, "two of 8 accounts"},
		{bank, history.Op{F: "transfer", Key: "k"}, "two of 8 accounts"},
		{lock, history.Op{F: "write", Key: "k", Value: `["x",1]`}, "expected [token,value]"},
		{lock, history.Op{F: "write", Key: "k", Value: `5`}, "expected [token,value]"},
	} {
		conn, err := driverFor(t, history.Params{"object": c.object}).Open(t.Context(), nil, proxy.Node("n1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = conn.Invoke(t.Context(), c.op)
		if !clients.IsNotDone(err) || code(err) != "bad-op" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v; want %q", c.object, c.op.F, err, c.says)
		}
		_ = conn.Close()
	}
	if n := p.count(); n != 0 {
		t.Errorf("%d effects of operations that make no sense", n)
	}
}
