package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// peer speaks RESP, for Redis and Sentinel both, and counts what it receives.
type peer struct {
	addr string

	mu      sync.Mutex
	primary string            // what Sentinel answers, an address; "" for none
	says    map[string]string // answers to commands by name, in RESP, instead of good ones
	got     map[string]int    // commands received, by name
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{addr: l.Addr().String(), says: map[string]string{}, got: map[string]int{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				for r := bufio.NewReader(c); ; {
					cmd, err := request(r)
					if err != nil {
						return
					}
					_, _ = io.WriteString(c, p.answer(cmd))
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return p
}

// request reads one command.
func request(r *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	cmd := make([]string, n)
	for i := range cmd {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		cmd[i] = string(b[:size])
	}
	return cmd, nil
}

func (p *peer) answer(cmd []string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := strings.ToUpper(cmd[0])
	p.got[name]++
	if s, ok := p.says[name]; ok {
		return s
	}
	switch name {
	case "SENTINEL":
		if p.primary == "" {
			return "*-1\r\n"
		}
		return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$4\r\n6379\r\n", len(p.primary), p.primary)
	case "ROLE":
		return "*3\r\n$6\r\nmaster\r\n:7\r\n*0\r\n"
	case "SET":
		return "+OK\r\n"
	case "SADD", "EVAL", "WAIT", "INCR", "INCRBY", "RPUSH":
		return ":1\r\n"
	case "GET", "LPOP":
		return "$1\r\n7\r\n"
	case "SMEMBERS":
		return "*2\r\n$2\r\n10\r\n$1\r\n9\r\n"
	}
	return "-ERR unknown command\r\n"
}

// say sets the answer to a command; "" makes it a good one again.
func (p *peer) say(name, answer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer == "" {
		delete(p.says, name)
		return
	}
	p.says[name] = answer
}

func (p *peer) believe(primary string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.primary = primary
}

func (p *peer) count(names ...string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		n += p.got[name]
	}
	return n
}

func (p *peer) effects() int {
	return p.count("SADD", "SET", "EVAL", "INCR", "INCRBY", "RPUSH", "LPOP")
}

// place is a node with a dial of its own for each port.
type place struct {
	name  string
	addr  netip.Addr
	ports map[int]func(context.Context) (net.Conn, error)
}

var errRefused = errors.New("connection refused")

func (p *place) Name() string                               { return p.name }
func (p *place) Can() cluster.Caps                          { return 0 }
func (p *place) Dir() string                                { return "" }
func (p *place) Peer(context.Context) ([]netip.Addr, error) { return []netip.Addr{p.addr}, nil }
func (p *place) Dial(ctx context.Context, port int) (net.Conn, error) {
	if dial := p.ports[port]; dial != nil {
		return dial(ctx)
	}
	return nil, errRefused
}

// to dials a fixed address.
func to(addr string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// on makes a cluster of one node, which is the primary, with both daemons in the peer.
func on(p *peer) (*cluster.Cluster, cluster.Node) {
	n := &place{name: "n1", addr: netip.MustParseAddr("10.0.0.1"), ports: map[int]func(context.Context) (net.Conn, error){6379: to(p.addr), sentinelPort: to(p.addr)}}
	p.believe("10.0.0.1")
	return &cluster.Cluster{Nodes: []cluster.Node{n}}, n
}

func driverFor(t *testing.T, p history.Params) driver {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return d.(driver)
}

func code(err error) string { return clients.ErrorOf(err).Code }

// kind is one kind of effect.
type kind struct {
	name, object, f, wait string
	value                 func(int) history.Value
}

func number(n int) history.Value { return history.Int(int64(n)) }

var kinds = []kind{
	{"write", register, "write", "0", number},
	{"cas", register, "cas", "0", func(n int) history.Value { return history.Pair(number(n), number(n+1)) }},
	{"add", set, "add", "0", number},
	{"add and wait", set, "add", "1", number},
	{"count", counter, "add", "0", number},
	{"enqueue", queue, "enqueue", "0", number},
	{"dequeue", queue, "dequeue", "0", func(int) history.Value { return "" }},
	{"generate", ids, "generate", "0", func(int) history.Value { return "" }},
}

func (k kind) params() history.Params { return history.Params{"object": k.object, "wait": k.wait} }
func (k kind) op(n int) history.Op    { return history.Op{F: k.f, Key: "run/k", Value: k.value(n)} }
