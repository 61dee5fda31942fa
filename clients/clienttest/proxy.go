package clienttest

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Proxy is a TCP proxy to one peer that can refuse connections, hold answers back and reset.
type Proxy struct {
	t        testing.TB
	upstream string
	addr     string
	wg       sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil: connections are refused
	links    map[*link]bool
	stalled  bool
}

// link is one connection through the proxy.
type link struct {
	client, server *net.TCPConn
	gone           chan struct{} // closed when the client's side ended
	gate           chan struct{} // closed: answers pass
}

func openGate() chan struct{} {
	gate := make(chan struct{})
	close(gate)
	return gate
}

// NewProxy makes a proxy to the address of a peer. It is closed with the test.
func NewProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	p := &Proxy{t: t, upstream: upstream, links: map[*link]bool{}}
	// An address that no outgoing connection uses as its own, so that the port can be had again after Refuse.
	p.addr = "127.0.77.1:0"
	p.Accept()
	t.Cleanup(func() {
		p.Refuse()
		p.Reset()
		p.wg.Wait()
	})
	return p
}

// Node is a node named name, every port of which is the proxy.
func (p *Proxy) Node(name string) cluster.Node { return node{p, name} }

// Refuse lets new connections be refused, by the kernel. Those that exist stay.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// Accept accepts connections again, on the same port.
func (p *Proxy) Accept() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.t.Fatalf("listen for the proxy: %v", err)
	}
	p.listener, p.addr = l, l.Addr().String()
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(c.(*net.TCPConn)) })
		}
	})
}

func (p *Proxy) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addr
}

// Hold keeps the peer's answers back from now on; requests pass. Connections that are made later are not held,
// so that a driver that tries again on a new one is seen.
func (p *Proxy) Hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
}

// Stall holds also the connections that are made later, as a peer does that was paused.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold()
	p.stalled = true
}

func (p *Proxy) hold() {
	for l := range p.links {
		select {
		case <-l.gate:
			l.gate = make(chan struct{})
		default:
		}
	}
}

// Release lets the answers that were held back, and all others, pass.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = false
	for l := range p.links {
		select {
		case <-l.gate:
		default:
			close(l.gate)
		}
	}
}

// Reset resets (RST) every connection that exists.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = l.client.SetLinger(0)
		_ = l.client.Close()
	}
}

// Links says how many connections exist. One that its client closed exists until the peer has read all of it.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

func (p *Proxy) serve(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	up, err := net.Dial("tcp", p.upstream)
	if err != nil { // the peer is down: the client sees its connection end
		return
	}
	l := &link{client: c, server: up.(*net.TCPConn), gone: make(chan struct{}), gate: openGate()}
	defer func() { _ = up.Close() }()
	p.mu.Lock()
	if p.stalled {
		l.gate = make(chan struct{})
	}
	p.links[l] = true
	p.mu.Unlock()
	answered := make(chan struct{})
	p.wg.Go(func() { defer close(answered); p.answers(l) })
	_, _ = io.Copy(l.server, c) // until either side ends
	close(l.gone)
	// The peer shall read all that the client sent and then see its end: a reset could take unread requests away.
	_ = l.server.CloseWrite()
	_ = l.server.SetReadDeadline(time.Now().Add(time.Second))
	<-answered
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// answers copies what the peer says, and that it ended, while the gate is open; when nobody is left to hear it,
// it is thrown away.
func (p *Proxy) answers(l *link) {
	buf := make([]byte, 32<<10)
	for {
		n, err := l.server.Read(buf)
		p.mu.Lock()
		gate := l.gate
		p.mu.Unlock()
		select {
		case <-l.gone:
		case <-gate:
			_, werr := l.client.Write(buf[:n])
			if err != nil || werr != nil {
				_ = l.client.Close()
			}
		}
		if err != nil {
			return
		}
	}
}

// node is the proxy as a node: only to be dialled.
type node struct {
	p    *Proxy
	name string
}

func (n node) Name() string      { return n.name }
func (n node) Can() cluster.Caps { return 0 }
func (n node) Dir() string       { return "" }

func (n node) Peer(context.Context) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddrPort(n.p.address()).Addr()}, nil
}

func (n node) Dial(ctx context.Context, _ int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", n.p.address())
}
