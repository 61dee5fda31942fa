package redis

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// Only the answers that Redis gives before it executes a command prove that it did not, and after each of them
// Sentinel is asked again.
func TestWhatAnAnswerProves(t *testing.T) {
	for _, c := range []struct {
		says, code string
		notDone    bool
	}{
		{"-READONLY You can't write against a read only replica.", "readonly", true},
		{"-NOREPLICAS Not enough good replicas to write.", "noreplicas", true},
		{"-CLUSTERDOWN The cluster is down", "clusterdown", true},
		{"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "masterdown", true},
		{"-LOADING Redis is loading the dataset in memory", "loading", true},
		{"-READONLYISH something new", "server-error", false},
		{"-ERR READONLY in the middle", "server-error", false},
		{"-MISCONF Errors writing to the AOF file", "server-error", false},
		{"-EXECABORT what went before is unknown", "server-error", false},
		{"!?", "error", false},
	} {
		for _, k := range kinds[:3] {
			p := newPeer(t)
			cl, n := on(p)
			conn, err := driverFor(t, k.params()).Open(t.Context(), cl, n, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"SET", "EVAL", "SADD"} {
				p.say(name, c.says+"\r\n")
			}
			_, _, err = invoke(t, conn, k.op(1))
			if code(err) != c.code || clients.IsNotDone(err) != c.notDone || p.effects() != 1 {
				t.Errorf("%s, %s: code %q, NotDone %v, %d effects: %v", k.name, c.says, code(err), clients.IsNotDone(err), p.effects(), err)
			}
			for _, name := range []string{"SET", "EVAL", "SADD"} {
				p.say(name, "")
			}
			if _, _, err := invoke(t, conn, k.op(2)); err != nil || p.count("SENTINEL") != 2 {
				t.Errorf("%s after %s: sentinel asked %d times, %v", k.name, c.says, p.count("SENTINEL"), err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// The effect before WAIT was carried out, whatever WAIT says.
func TestWaitProvesNothing(t *testing.T) {
	for says, want := range map[string]string{
		":0": "wait-short", "-READONLY You can't": "server-error", "-UNBLOCKED force unblock": "server-error", ":1": "",
	} {
		for _, k := range kinds {
			p := newPeer(t)
			p.say("WAIT", says+"\r\n")
			cl, n := on(p)
			params := k.params()
			params["wait"] = "1"
			conn, _ := driverFor(t, params).Open(t.Context(), cl, n, 0)
			_, ext, err := invoke(t, conn, k.op(1))
			if code(err) != want || clients.IsNotDone(err) || p.effects() != 1 || p.count("WAIT") != 1 {
				t.Errorf("%s, WAIT says %s: %v (NotDone %v), %d effects", k.name, says, err, clients.IsNotDone(err), p.effects())
			}
			if want == "" && ext != `{"primary":"n1","replicas":1}` {
				t.Errorf("ext %s", ext)
			}
			_ = conn.Close()
		}
	}
}

// While all is well Sentinel is asked once; a cas that does not match is no reason to ask again.
func TestSentinelIsAskedOnce(t *testing.T) {
	p := newPeer(t)
	cl, n := on(p)
	conn, _ := driverFor(t, nil).Open(t.Context(), cl, n, 0)
	p.say("EVAL", ":0\r\n")
	for i := range 3 {
		if v, ext, err := invoke(t, conn, history.Op{F: "read", Key: "k"}); err != nil || v != "7" || ext != `{"primary":"n1"}` {
			t.Errorf("read: %s, %s, %v", v, ext, err)
		}
		if _, _, err := invoke(t, conn, kinds[1].op(i)); code(err) != "cas-mismatch" || !clients.IsNotDone(err) {
			t.Errorf("cas: %v", err)
		}
	}
	if n := p.count("SENTINEL"); n != 1 {
		t.Errorf("sentinel was asked %d times", n)
	}
	_ = conn.Close()
}

// Before an effect is sent every error is proof, and has its own code.
func TestNoWayToThePrimary(t *testing.T) {
	hang := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	for _, c := range []struct {
		name, code, says string
		change           func(*peer, *place)
	}{
		{"the sentinel knows none", "no-primary", "knows no primary", func(p *peer, _ *place) { p.believe("") }},
		{"the sentinel talks nonsense", "no-primary", "unable to parse", func(p *peer, _ *place) { p.believe("nowhere") }},
		{"the sentinel says too little", "no-primary", "expected an address and a port", func(p *peer, _ *place) { p.say("SENTINEL", "*1\r\n$1\r\nx\r\n") }},
		{"nobody has the address", "unreachable", "no node of [n1] has the address 10.0.0.9", func(p *peer, _ *place) { p.believe("10.0.0.9") }},
		{"no sentinel", "unreachable", "sentinel of n1", func(_ *peer, n *place) { n.ports[sentinelPort] = nil }},
		{"no redis", "unreachable", "connect n1 to the primary", func(_ *peer, n *place) { n.ports[6379] = nil }},
		{"the sentinel hangs", "connect-timeout", "sentinel of n1", func(_ *peer, n *place) { n.ports[sentinelPort] = hang }},
		{"redis hangs", "connect-timeout", "connect n1 to the primary", func(_ *peer, n *place) { n.ports[6379] = hang }},
		{"redis does not answer", "connect-timeout", "for its role", func(p *peer, _ *place) { p.say("ROLE", "*3\r\n") }},
		{"a replica", "not-primary", "says of itself", func(p *peer, _ *place) { p.say("ROLE", "*1\r\n$5\r\nslave\r\n") }},
		{"no role", "unreachable", "for its role", func(p *peer, _ *place) { p.say("ROLE", "-NOPERM\r\n") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			cl, n := on(p)
			c.change(p, n.(*place))
			conn, _ := driverFor(t, nil).Open(t.Context(), cl, n, 0)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			if !strings.HasPrefix(c.code, "connect") {
				ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
			}
			defer cancel()
			_, _, err := conn.Invoke(ctx, kinds[0].op(1))
			if code(err) != c.code || !clients.IsNotDone(err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, NotDone %v, %v; want %q, %q", code(err), clients.IsNotDone(err), err, c.code, c.says)
			}
			if p.effects() != 0 {
				t.Errorf("%d effects", p.effects())
			}
			_ = conn.Close()
		})
	}
}

// forwarder is a place from which others can be reached, unless it is cut off.
type forwarder struct {
	*place
	peers map[netip.AddrPort]string // where each is in truth
	cut   bool
}

func (f *forwarder) Forward(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	if f.cut {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return to(f.peers[addr])(ctx)
}

// The client of a primary that is cut off goes on to write to it; that of another node does not get across,
// though the controller would, and finds the new primary as soon as its own sentinel does.
func TestAClientIsOnItsNode(t *testing.T) {
	p1, p2 := newPeer(t), newPeer(t)
	addr := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s + ":6379") }
	peers := map[netip.AddrPort]string{addr("10.0.0.1"): p1.addr, addr("10.0.0.2"): p2.addr}
	make := func(name, a string, p *peer) *forwarder {
		return &forwarder{peers: peers, place: &place{name: name, addr: netip.MustParseAddr(a), ports: map[int]func(context.Context) (net.Conn, error){6379: to(p.addr), sentinelPort: to(p.addr)}}}
	}
	n1, n2 := make("n1", "10.0.0.1", p1), make("n2", "10.0.0.2", p2)
	cl := &cluster.Cluster{Nodes: []cluster.Node{n1, n2}}
	p1.believe("10.0.0.1")
	p2.believe("10.0.0.1")
	add := func(n cluster.Node) (string, error) {
		conn, _ := driverFor(t, history.Params{"object": set}).Open(t.Context(), cl, n, 0)
		defer func() { _ = conn.Close() }()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, ext, err := conn.Invoke(ctx, kinds[2].op(1))
		return string(ext), err
	}
	const atN1, atN2 = `{"primary":"n1"}`, `{"primary":"n2"}`
	for _, n := range cl.Nodes {
		if ext, err := add(n); err != nil || ext != atN1 {
			t.Errorf("all is well, from %s: %s, %v", n.Name(), ext, err)
		}
	}
	n1.cut, n2.cut = true, true
	if ext, err := add(n1); err != nil || ext != atN1 {
		t.Errorf("cut off, on the primary: %s, %v", ext, err)
	}
	if _, err := add(n2); code(err) != "connect-timeout" || !clients.IsNotDone(err) {
		t.Errorf("a client reached across the cut: %v", err)
	}
	p2.believe("10.0.0.2")
	if ext, err := add(n2); err != nil || ext != atN2 {
		t.Errorf("on the new primary: %s, %v", ext, err)
	}
	if got := p1.effects() + p2.effects(); got != 4 {
		t.Errorf("%d effects, want 4", got)
	}
	// Nodes that cannot forward are dialled directly.
	cl.Nodes = []cluster.Node{n1.place, n2.place}
	p2.believe("10.0.0.1")
	if ext, err := add(n2.place); err != nil || ext != atN1 {
		t.Errorf("without forwarding: %s, %v", ext, err)
	}
}

func TestBadInput(t *testing.T) {
	for _, p := range []history.Params{{"object": "tree"}, {"wait": "-1"}, {"wait": "some"}} {
		if _, err := New(p); err == nil {
			t.Errorf("%v is accepted", p)
		}
	}
	p := newPeer(t)
	cl, n := on(p)
	for _, c := range []struct {
		object string
		op     history.Op
	}{
		{register, history.Op{F: "add", Value: "1"}}, {set, history.Op{F: "write", Value: "1"}}, {register, history.Op{F: "write"}},
		{register, history.Op{F: "cas", Value: "1"}}, {register, history.Op{F: "cas", Value: "[1,null]"}}, {set, history.Op{F: "add", Value: `"x"`}},
	} {
		conn, _ := driverFor(t, history.Params{"object": c.object}).Open(t.Context(), cl, n, 0)
		if _, _, err := invoke(t, conn, c.op); code(err) != "bad-op" || !clients.IsNotDone(err) {
			t.Errorf("%s %s %s: %v", c.object, c.op.F, c.op.Value.JSON(), err)
		}
		_ = conn.Close()
	}
	if p.effects() != 0 {
		t.Errorf("%d effects", p.effects())
	}
}

// A cancelled operation ends at once, also while Redis is silent.
func TestCancelled(t *testing.T) {
	p := newPeer(t)
	p.say("SADD", "$100\r\n") // and the rest never comes
	cl, n := on(p)
	conn, _ := driverFor(t, history.Params{"object": set}).Open(t.Context(), cl, n, 0)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for p.effects() == 0 {
			<-tick.C
		}
		cancel()
	}()
	_, _, err := conn.Invoke(ctx, kinds[2].op(1))
	if code(err) != "cancelled" || clients.IsNotDone(err) {
		t.Errorf("%v", err)
	}
}
