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
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer is a key-value server in memory that counts every effect it receives, whatever becomes of it.
type peer struct {
	etcdserverpb.UnimplementedKVServer
	server *grpc.Server
	addr   string

	mu      sync.Mutex
	effects int
	data    map[string]string
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
	h, err := p.effect(ctx, r.GetSuccess()[0].GetRequestPut())
	return &etcdserverpb.TxnResponse{Header: h, Succeeded: true}, err
}

func (p *peer) Range(_ context.Context, r *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	resp := &etcdserverpb.RangeResponse{Header: &etcdserverpb.ResponseHeader{Revision: int64(p.effects)}}
	if v, ok := p.data[string(r.GetKey())]; ok {
		resp.Kvs = []*mvccpb.KeyValue{{Key: r.GetKey(), Value: []byte(v)}}
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
