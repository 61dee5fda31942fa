package etcd

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/http2"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/history"
)

// frames is a peer that speaks bare HTTP/2: it counts the requests that arrive whole, and does with each what
// it is told to.
func frames(t *testing.T, react func(f *http2.Framer, stream uint32) (closes bool)) (addr string, arrived func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	serve := func(c net.Conn) {
		defer func() { _ = c.Close() }()
		if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		f := http2.NewFramer(c, c)
		_ = f.WriteSettings()
		for {
			fr, err := f.ReadFrame()
			if err != nil {
				return
			}
			switch fr := fr.(type) {
			case *http2.SettingsFrame:
				if !fr.IsAck() {
					_ = f.WriteSettingsAck()
				}
			case *http2.DataFrame:
				if fr.StreamEnded() {
					n.Add(1)
					if react(f, fr.StreamID) {
						return
					}
				}
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String(), func() int { return int(n.Load()) }
}

// What gRPC sends again by itself is only what the server vouches that it did not process, and that once. What
// the server may have processed is sent once, however the stream or the connection ends.
func TestGRPCSendsAgainOnlyWhatWasNotProcessed(t *testing.T) {
	for _, c := range []struct {
		name  string
		react func(*http2.Framer, uint32) bool
		want  int
	}{
		{"the connection ends", func(*http2.Framer, uint32) bool { return true }, 1},
		{"the stream is cancelled", func(f *http2.Framer, id uint32) bool { return f.WriteRSTStream(id, http2.ErrCodeCancel) != nil }, 1},
		{"the stream fails inside", func(f *http2.Framer, id uint32) bool { return f.WriteRSTStream(id, http2.ErrCodeInternal) != nil }, 1},
		{"GOAWAY that includes it, then the end", func(f *http2.Framer, id uint32) bool { _ = f.WriteGoAway(id, http2.ErrCodeNo, nil); return true }, 1},
		{"the stream is refused: not processed", func(f *http2.Framer, id uint32) bool { return f.WriteRSTStream(id, http2.ErrCodeRefusedStream) != nil }, 2},
		{"GOAWAY that excludes it: not processed", func(f *http2.Framer, _ uint32) bool { return f.WriteGoAway(0, http2.ErrCodeNo, nil) != nil }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, arrived := frames(t, c.react)
			conn, err := driverFor(t, nil).Open(t.Context(), nil, clienttest.NewProxy(t, addr).Node("n1"), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
			defer cancel()
			_, _, err = conn.Invoke(ctx, history.Op{F: "write", Key: "run/k", Value: "1"})
			if err == nil || clients.IsNotDone(err) || ctx.Err() != nil {
				t.Errorf("NotDone %v: %v", clients.IsNotDone(err), err)
			}
			if n := arrived(); n != c.want {
				t.Errorf("arrived %d times, want %d", n, c.want)
			}
		})
	}
}
