package redis

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// prove runs the proof for one kind of effect. The redis of the node is behind the proxy, its sentinel too when
// it shall fail with it.
func prove(t *testing.T, k kind, both bool, change func(*driver, *clienttest.Proxy)) []clienttest.Trial {
	t.Helper()
	server := newPeer(t)
	server.believe("10.0.0.1")
	proxy := clienttest.NewProxy(t, server.addr)
	through := func(ctx context.Context) (net.Conn, error) { return proxy.Node("n1").Dial(ctx, 6379) }
	n := &place{name: "n1", addr: netip.MustParseAddr("10.0.0.1"), ports: map[int]func(context.Context) (net.Conn, error){6379: through, sentinelPort: to(server.addr)}}
	if both {
		n.ports[sentinelPort] = through
	}
	d := driverFor(t, k.params())
	if change != nil {
		change(&d, proxy)
	}
	trials := clienttest.Prove(t, clienttest.Subject{
		Proxy: proxy,
		Open: func(ctx context.Context) (clients.Conn, error) {
			return d.Open(ctx, &cluster.Cluster{Nodes: []cluster.Node{n}}, n, 0)
		},
		Op:      k.op,
		Effects: server.effects,
	})
	for _, tr := range trials {
		t.Logf("%-12s %-32s %d invoked, %d effects, NotDone %-5v %s", k.name, tr.Failure, tr.Invoked, tr.Effects, clients.IsNotDone(tr.Err), clients.ErrorOf(tr.Err))
	}
	return trials
}

// Under each failure, each kind of effect arrives at most once, and is called failed only when it did not arrive.
func TestNoEffectIsSentTwice(t *testing.T) {
	codes := map[clienttest.Failure]string{
		clienttest.Refused: "unreachable", clienttest.Reset: "connection-lost", clienttest.Silent: "timeout", clienttest.Late: "timeout",
	}
	for _, k := range kinds {
		for _, both := range []bool{false, true} {
			name := k.name
			if both {
				if k.name != kinds[0].name {
					continue // the way to the primary is the same for all
				}
				name += ", with the sentinel"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for _, tr := range prove(t, k, both, nil) {
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
}

// The proof finds the client as it is by default: it sends again on a new connection, three times.
func TestTheProofFindsRetries(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			trials := prove(t, k, false, func(d *driver, p *clienttest.Proxy) {
				d.link = func(raw net.Conn) *link {
					o := options(raw)
					given := o.Dialer
					o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if c, err := given(ctx, network, addr); err == nil {
							return c, nil
						}
						return p.Node("n1").Dial(ctx, 6379)
					}
					o.MaxRetries, o.ReadTimeout = 3, 200*time.Millisecond
					client := goredis.NewClient(o)
					return &link{raw: raw, client: client, doer: client}
				}
			})
			for _, tr := range trials {
				held := tr.Failure == clienttest.Reset || tr.Failure == clienttest.Silent || tr.Failure == clienttest.Late
				if err := tr.Judge(); held && (err == nil || !strings.Contains(err.Error(), "sent twice")) {
					t.Errorf("%s: %v; want that something is sent twice", tr.Failure, err)
				}
			}
		})
	}
}

// What the driver leaves to itself is not left to go-redis: with retries on, but its own connection, none is sent again.
func TestTheConnectionIsNeverReplaced(t *testing.T) {
	for _, tr := range prove(t, kinds[0], false, func(d *driver, _ *clienttest.Proxy) {
		d.link = func(raw net.Conn) *link {
			o := options(raw)
			o.MaxRetries, o.ReadTimeout = 3, 200*time.Millisecond
			client := goredis.NewClient(o)
			return &link{raw: raw, client: client, doer: client.Conn()}
		}
	}) {
		if tr.Effects > tr.Invoked {
			t.Errorf("%s: %d effects for %d operations", tr.Failure, tr.Effects, tr.Invoked)
		}
	}
}

// invoke performs one operation with a generous deadline.
func invoke(t *testing.T, c clients.Conn, op history.Op) (history.Value, history.Value, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
	defer cancel()
	return c.Invoke(ctx, op)
}
