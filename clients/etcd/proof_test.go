package etcd

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/history"
)

// prove runs the proof for one kind of effect, with connections made by opener.
func prove(t *testing.T, object, f string, value func(int) history.Value, opener func(driver, *clienttest.Proxy) (clients.Conn, error)) []clienttest.Trial {
	t.Helper()
	server := newPeer(t)
	proxy := clienttest.NewProxy(t, server.addr)
	d := driverFor(t, history.Params{"object": object, "balance": "1000000"})
	begun := server.count()
	var last int64
	trials := clienttest.Prove(t, clienttest.Subject{
		Proxy:   proxy,
		Open:    func(context.Context) (clients.Conn, error) { return opener(d, proxy) },
		Op:      func(n int) history.Op { return history.Op{F: f, Key: "run/k", Value: value(n)} },
		Effects: server.count,
		Own: func(op history.Op, v, ext history.Value) error {
			want, revision := op.Value, revisionOf(ext)
			if f == "dequeue" {
				want = first
			}
			if f == "generate" {
				want = history.Int(revision)
			}
			if v != want || revision <= last {
				return fmt.Errorf("value %s at revision %d for %s after revision %d", v.JSON(), revision, op.Value.JSON(), last)
			}
			last = revision
			return nil
		},
	})
	for _, tr := range trials {
		t.Logf("%-5s %-32s %d invoked, %d effects, NotDone %-5v %s", f, tr.Failure, tr.Invoked, tr.Effects, clients.IsNotDone(tr.Err), clients.ErrorOf(tr.Err))
	}
	t.Logf("%-5s %d effects in all", f, server.count()-begun)
	return trials
}

// Under each failure, each kind of effect arrives at most once, and is called failed only when it did not arrive.
func TestNoEffectIsSentTwice(t *testing.T) {
	codes := map[clienttest.Failure]string{
		clienttest.Refused: "unreachable", clienttest.Reset: "unavailable", clienttest.Silent: "timeout", clienttest.Late: "timeout",
	}
	for _, k := range kinds {
		t.Run(k.object+" "+k.f, func(t *testing.T) {
			t.Parallel()
			for _, tr := range prove(t, k.object, k.f, k.value, func(d driver, p *clienttest.Proxy) (clients.Conn, error) {
				return opened(d, k.f, p.Node("n1"))
			}) {
				if err := tr.Judge(); err != nil {
					t.Error(err)
				}
				if got := code(tr.Err); got != codes[tr.Failure] {
					t.Errorf("%s: code %q, want %q", tr.Failure, got, codes[tr.Failure])
				}
			}
		})
	}
}

// insistent is what an application does around a client: it tries again, on a new connection.
type insistent struct {
	open func() (clients.Conn, error)
	clients.Conn
}

func (i *insistent) Invoke(ctx context.Context, op history.Op) (history.Value, history.Value, error) {
	v, ext, err := i.Conn.Invoke(ctx, op)
	if err == nil {
		return v, ext, nil
	}
	_ = i.Close()
	c, err := i.open()
	if err != nil {
		return "", "", err
	}
	i.Conn = c
	again, cancel := context.WithTimeout(context.WithoutCancel(ctx), clienttest.Deadline)
	defer cancel()
	return i.Conn.Invoke(again, op)
}

// The proof finds a client that tries again, and one that is left with its defaults.
func TestTheProofFindsWrongClients(t *testing.T) {
	find := func(t *testing.T, trials []clienttest.Trial, f clienttest.Failure, says string) {
		t.Helper()
		for _, tr := range trials {
			if tr.Failure != f {
				continue
			}
			if err := tr.Judge(); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v; want %q", f, err, says)
			}
		}
	}
	t.Run("one that tries again", func(t *testing.T) {
		t.Parallel()
		trials := prove(t, register, "write", number, func(d driver, p *clienttest.Proxy) (clients.Conn, error) {
			open := func() (clients.Conn, error) { return d.Open(t.Context(), nil, p.Node("n1"), 0) }
			c, err := open()
			return &insistent{open, c}, err
		})
		for _, f := range []clienttest.Failure{clienttest.Reset, clienttest.Silent, clienttest.Late} {
			find(t, trials, f, "sent twice")
		}
	})
	t.Run("one with defaults", func(t *testing.T) {
		t.Parallel()
		trials := prove(t, register, "write", number, func(d driver, p *clienttest.Proxy) (clients.Conn, error) {
			cfg := config(p.Node("n1"))
			return open(d, clientv3.Config{Endpoints: cfg.Endpoints, Logger: zap.NewNop(), DialOptions: []grpc.DialOption{cfg.DialOptions[0]}})
		})
		find(t, trials, clienttest.Refused, "must be NotDone") // it waits until its deadline instead
	})
}

// invoke performs one write with a generous deadline.
func invoke(ctx context.Context, c clients.Conn, v history.Value) error {
	ctx, cancel := context.WithTimeout(ctx, clienttest.Patience)
	defer cancel()
	_, _, err := c.Invoke(ctx, history.Op{F: "write", Key: "run/k", Value: v})
	return err
}

// A server that shuts down gracefully (GOAWAY) finishes what it has begun, and takes nothing more; one that is
// stopped in the middle leaves it open.
func TestShutdownInTheMiddle(t *testing.T) {
	for _, graceful := range []bool{true, false} {
		t.Run(fmt.Sprintf("graceful=%v", graceful), func(t *testing.T) {
			p := newPeer(t)
			c, err := driverFor(t, nil).Open(t.Context(), nil, clienttest.NewProxy(t, p.addr).Node("n1"), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			arrived, let := make(chan struct{}), make(chan struct{})
			p.answers(func(ctx context.Context) error {
				close(arrived)
				select {
				case <-let:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			done := make(chan error, 1)
			go func() { done <- invoke(t.Context(), c, "1") }()
			<-arrived
			stopped := make(chan struct{})
			if graceful {
				go func() { defer close(stopped); p.server.GracefulStop() }()
				close(let)
			} else {
				p.server.Stop()
				close(stopped)
			}
			err = <-done
			if graceful && err != nil {
				t.Errorf("what was begun did not end: %v", err)
			}
			if !graceful && (err == nil || clients.IsNotDone(err)) {
				t.Errorf("an operation cut in the middle: NotDone %v: %v", clients.IsNotDone(err), err)
			}
			<-stopped
			// The listener is gone, but not the proxy's: the dial ends in the handshake, before any stream.
			if err := invoke(t.Context(), c, "2"); err == nil || graceful && !clients.IsNotDone(err) {
				t.Errorf("after the shutdown: NotDone %v: %v", clients.IsNotDone(err), err)
			}
			if n := p.count(); n != 1 {
				t.Errorf("%d effects for one operation that arrived", n)
			}
		})
	}
}

// A node that is paused takes the connection and says nothing: no stream was opened, so that nothing was sent, and
// nothing is when the node goes on. What was sent before on a connection that stood stays open.
func TestATimeoutWhileConnecting(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.object+" "+k.f, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			proxy := clienttest.NewProxy(t, p.addr)
			proxy.Stall()
			c, err := opened(driverFor(t, history.Params{"object": k.object}), k.f, proxy.Node("n1"))
			if err != nil {
				t.Fatal(err)
			}
			try := func(n int, d time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), d)
				defer cancel()
				_, _, err := c.Invoke(ctx, history.Op{F: k.f, Key: "run/k", Value: k.value(n)})
				return err
			}
			for n := range 3 {
				if err := try(n, 100*time.Millisecond); !clients.IsNotDone(err) || code(err) != "connect-timeout" {
					t.Errorf("NotDone %v, code %q: %v", clients.IsNotDone(err), code(err), err)
				}
			}
			proxy.Release() // the node goes on, and serves what was buffered
			for deadline := time.Now().Add(clienttest.Patience); ; {
				err := try(3, clienttest.Patience)
				if err == nil {
					break
				}
				if !clients.IsNotDone(err) || time.Now().After(deadline) {
					t.Fatalf("after it went on: %v", err)
				}
			}
			if n := p.count(); n != 1 {
				t.Errorf("%d effects of one operation that succeeded", n)
			}
			proxy.Stall()
			if err := try(4, 100*time.Millisecond); clients.IsNotDone(err) || code(err) != "timeout" {
				t.Errorf("on a connection that stood: NotDone %v, code %q: %v", clients.IsNotDone(err), code(err), err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// A peer that takes connections and reads, but never speaks HTTP/2, receives no request.
func TestAPeerThatNeverSpeaks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []byte
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				for b := make([]byte, 4096); ; {
					n, err := conn.Read(b)
					mu.Lock()
					got = append(got, b[:n]...)
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
	})
	c, err := driverFor(t, nil).Open(t.Context(), nil, clienttest.NewProxy(t, l.Addr().String()).Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, _, err := c.Invoke(ctx, history.Op{F: "write", Key: "run/k", Value: number(7_654_321 + n)})
		cancel()
		if !clients.IsNotDone(err) || code(err) != "connect-timeout" {
			t.Errorf("NotDone %v, code %q: %v", clients.IsNotDone(err), code(err), err)
		}
	}
	_ = c.Close()
	_ = l.Close()
	wg.Wait()
	frames := http2.NewFramer(io.Discard, bytes.NewReader(bytes.TrimPrefix(got, []byte(http2.ClientPreface))))
	for {
		f, err := frames.ReadFrame()
		if err != nil {
			break
		}
		if h := f.Header(); h.StreamID != 0 {
			t.Errorf("a request was sent: %v", h)
		}
	}
	if !bytes.HasPrefix(got, []byte(http2.ClientPreface)) || bytes.Contains(got, []byte("765432")) {
		t.Errorf("the peer read %q", got)
	}
}

// Someone who gives up is told so, and it proves nothing.
func TestACancelledOperation(t *testing.T) {
	p := newPeer(t)
	c, err := driverFor(t, nil).Open(t.Context(), nil, clienttest.NewProxy(t, p.addr).Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p.answers(func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	_, _, err = c.Invoke(ctx, history.Op{F: "write", Key: "run/k", Value: "1"})
	if clients.IsNotDone(err) || code(err) != "cancelled" {
		t.Errorf("NotDone %v, code %q: %v", clients.IsNotDone(err), code(err), err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
