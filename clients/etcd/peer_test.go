package etcd

import (
	"context"
	"net"
	"sync"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a key-value server in memory that counts every effect it receives, whatever becomes of it.
type peer struct {
	etcdserverpb.UnimplementedKVServer
	etcdserverpb.UnimplementedLeaseServer
	server *grpc.Server
	addr   string

	mu      sync.Mutex
	effects int
	data    map[string]string
	leases  int
	grant   error // the answer to a request for a lease, nil for a good one
	refuse  bool  // comparisons fail
	// answer, when set, is asked before an effect is applied: it may wait, and its error is the answer.
	answer func(context.Context) error
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{server: grpc.NewServer(), addr: l.Addr().String(), data: map[string]string{}}
	etcdserverpb.RegisterKVServer(p.server, p)
	etcdserverpb.RegisterLeaseServer(p.server, p)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.server.Serve(l) }()
	t.Cleanup(func() { p.server.Stop(); <-done })
	return p
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.effects
}

func (p *peer) answers(f func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// effect counts first, then answers. The revision of an answer is the number of effects so far.
func (p *peer) effect(ctx context.Context, put *etcdserverpb.PutRequest) (*etcdserverpb.ResponseHeader, error) {
	p.mu.Lock()
	p.effects++
	h := &etcdserverpb.ResponseHeader{Revision: int64(p.effects)}
	answer := p.answer
	p.data[string(put.GetKey())] = string(put.GetValue())
	p.mu.Unlock()
	if answer == nil {
		return h, nil
	}
	return h, answer(ctx)
}

func (p *peer) Put(ctx context.Context, r *etcdserverpb.PutRequest) (*etcdserverpb.PutResponse, error) {
	h, err := p.effect(ctx, r)
	return &etcdserverpb.PutResponse{Header: h}, err
}

func (p *peer) Txn(ctx context.Context, r *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		return p.otherwise(ctx, r)
	}
	h, err := p.effect(ctx, r.GetSuccess()[0].GetRequestPut())
	return &etcdserverpb.TxnResponse{Header: h, Succeeded: true}, err
}

// otherwise is a transaction whose comparison failed: it reads, and has no effect.
func (p *peer) otherwise(ctx context.Context, r *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	resp := &etcdserverpb.TxnResponse{Header: &etcdserverpb.ResponseHeader{Revision: int64(p.count())}}
	for _, op := range r.GetFailure() {
		found, err := p.Range(ctx, op.GetRequestRange())
		if err != nil {
			return nil, err
		}
		resp.Responses = append(resp.Responses, &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: found}})
	}
	return resp, nil
}

// LeaseGrant counts leases, which are no effects on data.
func (p *peer) LeaseGrant(_ context.Context, r *etcdserverpb.LeaseGrantRequest) (*etcdserverpb.LeaseGrantResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leases++
	return &etcdserverpb.LeaseGrantResponse{ID: int64(p.leases), TTL: r.GetTTL()}, p.grant
}

// LeaseKeepAlive keeps every lease alive.
func (p *peer) LeaseKeepAlive(s etcdserverpb.Lease_LeaseKeepAliveServer) error {
	for {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		if err := s.Send(&etcdserverpb.LeaseKeepAliveResponse{ID: r.GetID(), TTL: lease}); err != nil {
			return err
		}
	}
}

// first is the message that is always the first one.
const first = "7"

// Range finds one key, or the first of many.
func (p *peer) Range(_ context.Context, r *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	resp := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{Revision: int64(p.effects)}}
	if r.GetLimit() == 1 {
		resp.Kvs = []*mvccpb.KeyValue{{Key: append(r.GetKey(), first...), Value: []byte(first), ModRevision: 1, CreateRevision: 1}}
	} else if v, ok := p.data[string(r.GetKey())]; ok {
		resp.Kvs = []*mvccpb.KeyValue{{Key: r.GetKey(), Value: []byte(v), ModRevision: 1}}
	}
	return resp, nil
}

// kinds are the effects that the driver has, one operation of each.
var kinds = []struct {
	object, f string
	value     func(n int) history.Value
}{
	{register, "write", number},
	{register, "cas", func(n int) history.Value { return history.Pair(number(n), number(n+1)) }},
	{set, "add", number},
	{counter, "add", number},
	{ids, "generate", nothing},
	{bank, "transfer", func(int) history.Value { return `{"from":0,"to":1,"amount":1}` }},
	{queue, "enqueue", number},
	{queue, "dequeue", nothing},
	{lock, "acquire", nothing},
	{lock, "release", nothing},
	{lock, "write", func(n int) history.Value { return history.Pair("7", number(n)) }},
}

func nothing(int) history.Value { return "" }

// opened is a connection for one kind of effect: one that releases believes each time that it holds the lock,
// one that dequeues has looked before.
func opened(d driver, f string, n cluster.Node) (clients.Conn, error) {
	c, err := d.Open(context.Background(), nil, n, 0)
	if err == nil && f == "release" {
		return holding{c.(*conn)}, nil
	}
	if err == nil && f == "dequeue" {
		return looked{c.(*conn)}, nil
	}
	return c, err
}

type holding struct{ *conn }

func (h holding) Invoke(ctx context.Context, op history.Op) (history.Value, history.Value, error) {
	h.tokens[op.Key] = 7
	return h.conn.Invoke(ctx, op)
}

// revisionOf is the revision that an answer is of, wherever it stands.
func revisionOf(ext history.Value) int64 {
	if n, ok := ext.Int(); ok {
		return n // a token
	}
	var e extra
	if ext.Decode(&e) != nil {
		return -1
	}
	return e.Revision
}

func number(n int) history.Value { return history.Int(int64(n)) }

func driverFor(t *testing.T, p history.Params) driver {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return d.(driver)
}

// code is what the history would say of an error.
func code(err error) string { return clients.ErrorOf(err).Code }
