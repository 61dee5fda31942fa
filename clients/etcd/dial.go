package etcd

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/stats"

	"github.com/partita-dev/partita/cluster"
)

// config is the client's: one endpoint, no retries, nothing in the background.
func config(n cluster.Node) clientv3.Config {
	return clientv3.Config{
		Endpoints:        []string{"http://" + n.Name()}, // a name for messages: the dialer does not look at it
		MaxUnaryRetries:  1,
		AutoSyncInterval: 0,
		Logger:           zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return n.Dial(ctx, port) }),
			grpc.WithDisableRetry(),
			grpc.WithChainUnaryInterceptor(failFast),
			grpc.WithStatsHandler(witness{}),
			// A refused dial keeps the connection, and a node that was restarted should be noticed soon.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.5, Jitter: 0.2, MaxDelay: 250 * time.Millisecond},
				MinConnectTimeout: 5 * time.Second,
			}),
		},
	}
}

// failFast takes back the WaitForReady(true) that the client puts on every call: the last option wins, and
// chained interceptors run after the client's own.
func failFast(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(ctx, method, req, reply, cc, append(opts, grpc.WaitForReady(false))...)
}

// witness is a stats handler that notes in a call's context how far gRPC got with it. gRPC says so on the
// caller's goroutine: that it begins, and, as soon as a stream's headers are handed to a connection, that too. A
// call that began and returned without the second is proof that not a byte of it was sent, or ever will be.
type witness struct{}

type seenKey struct{}

// seen is what the witness saw of a call.
type seen struct{ begun, opened atomic.Bool }

// unsent reports whether nothing was sent for sure: without a witness nothing is.
func (s *seen) unsent() bool { return s.begun.Load() && !s.opened.Load() }

// watched gives a context for one call and what the witness will have seen of it.
func watched(ctx context.Context) (context.Context, *seen) {
	var s seen
	return context.WithValue(ctx, seenKey{}, &s), &s
}

func (witness) HandleRPC(ctx context.Context, e stats.RPCStats) {
	s, ok := ctx.Value(seenKey{}).(*seen)
	if !ok {
		return
	}
	switch e.(type) {
	case *stats.Begin:
		s.begun.Store(true)
	case *stats.OutHeader:
		s.opened.Store(true)
	}
}

func (witness) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (witness) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (witness) HandleConn(context.Context, stats.ConnStats)                       {}
