package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// DefaultPort is where agents hear probes, UDP and TCP.
	DefaultPort = 4990
	// tcpLimit is how long a TCP probe waits to be connected.
	tcpLimit = 300 * time.Millisecond
	// keepEvery is how often an old flow says something, so that conntrack (30 s) does not forget it.
	keepEvery = 10 * time.Second
	// oldIdle is how long an old flow lives that no round uses any more: its peer has other addresses now.
	oldIdle = 10 * time.Minute
	maxOld  = 1024
)

// Peer is somebody to send probes to.
type Peer struct {
	Name  string       `json:"name"`
	Addrs []netip.Addr `json:"addrs"`
	Port  int          `json:"port,omitempty"` // 0: DefaultPort
}

// ProbeRequest is what one sender does in a round.
type ProbeRequest struct {
	Cluster string        `json:"cluster"`
	Round   string        `json:"round"`
	Peers   []Peer        `json:"peers"`
	Count   int           `json:"count"`   // probes over each flow, 1 to 100
	Spacing time.Duration `json:"spacing"` // between them, ns
}

// Sent is what was sent to one peer.
type Sent struct {
	To     string `json:"to"`
	Family string `json:"family"`
	Kind   string `json:"kind"`
	Count  int    `json:"count"` // that the kernel took
	Err    string `json:"err,omitempty"`
}

// ProbeAnswer is what a sender did.
type ProbeAnswer struct {
	Sent []Sent            `json:"sent"`
	TCP  map[string]string `json:"tcp"`  // by peer's name: "connected", "timeout", "refused", or another error; to its first address
	Last time.Duration     `json:"last"` // how long before this answer the last UDP probe was sent
}

// oldFlow is a socket that lives as long as the agent does.
type oldFlow struct {
	conn *net.UDPConn
	to   string
	used time.Time
}

// prober sends probes. One round at a time uses the old flows.
type prober struct {
	name string

	mu  sync.Mutex
	old map[netip.AddrPort]*oldFlow
}

func newProber(name string) *prober {
	return &prober{name: name, old: map[netip.AddrPort]*oldFlow{}}
}

// flow is one socket of a round.
type flow struct {
	conn   *net.UDPConn
	sent   *Sent
	packet packet
	next   *int // the number of the next probe: shared by the addresses of one peer, family and kind
}

// probe is one sender's part of a round.
func (p *prober) probe(ctx context.Context, q ProbeRequest) (ProbeAnswer, error) {
	if err := q.check(); err != nil {
		return ProbeAnswer{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	flows, sent, closeFresh := p.open(q)
	defer closeFresh()
	var (
		wg   sync.WaitGroup
		tcps = make([]string, len(q.Peers))
	)
	for i, peer := range q.Peers {
		wg.Go(func() { tcps[i] = connect(ctx, netip.AddrPortFrom(peer.Addrs[0], peer.port())) })
	}
	defer wg.Wait()
	tick := time.NewTicker(max(q.Spacing, time.Microsecond))
	defer tick.Stop()
	for i := range q.Count {
		if i > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ProbeAnswer{}, ctx.Err()
			}
		}
		for _, f := range flows {
			f.send()
		}
	}
	last := time.Now()
	p.forget(flows)
	wg.Wait()
	a := ProbeAnswer{TCP: map[string]string{}}
	for i, peer := range q.Peers {
		a.TCP[peer.Name] = tcps[i]
	}
	for _, s := range sent {
		a.Sent = append(a.Sent, *s)
	}
	a.Last = time.Since(last)
	return a, nil
}

func (q ProbeRequest) check() error {
	for _, name := range []string{q.Cluster, q.Round} {
		if err := cluster.CheckName("round's", name); err != nil {
			return bad("%v", err)
		}
	}
	switch {
	case q.Count < 1 || q.Count > 100:
		return bad("send %d probes: expected 1 to 100", q.Count)
	case q.Spacing < 0 || q.Spacing > time.Second:
		return bad("send probes %v apart: expected 0 to 1s", q.Spacing)
	case len(q.Peers) == 0 || len(q.Peers) > maxSenders:
		return bad("send probes to %d peers: expected 1 to %d", len(q.Peers), maxSenders)
	}
	for _, peer := range q.Peers {
		if err := cluster.CheckName("peer's", peer.Name); err != nil {
			return bad("%v", err)
		}
		if len(peer.Addrs) == 0 || len(peer.Addrs) > 8 || peer.Port < 0 || peer.Port > 65535 {
			return bad("send probes to %s: it has %d addresses and port %d, expected 1 to 8 and a port", peer.Name, len(peer.Addrs), peer.Port)
		}
		for _, a := range peer.Addrs {
			if !a.IsValid() || a.IsMulticast() || a.IsUnspecified() {
				return bad("send probes to %s: %v is no address of a node", peer.Name, a)
			}
		}
	}
	return nil
}

func (p Peer) port() uint16 {
	if p.Port == 0 {
		return DefaultPort
	}
	return uint16(p.Port)
}

func familyOf(a netip.Addr) string {
	if a.Unmap().Is4() {
		return family4
	}
	return family6
}

// open gives the flows of a round; mu is held. A socket that cannot be made is an error of its Sent.
func (p *prober) open(q ProbeRequest) (flows []*flow, sent []*Sent, closeFresh func()) {
	var fresh []*net.UDPConn
	for _, peer := range q.Peers {
		byKey := map[flowKey]*flow{} // the first flow of each family and kind
		for _, addr := range peer.Addrs {
			ap := netip.AddrPortFrom(addr.Unmap(), peer.port())
			for _, kind := range []string{kindOld, kindFresh} {
				k := flowKey{peer.Name, familyOf(addr), kind}
				f := &flow{packet: packet{q.Cluster, q.Round, p.name, peer.Name, kind, 0}}
				if first := byKey[k]; first != nil {
					f.sent, f.next = first.sent, first.next
				} else {
					f.sent, f.next = &Sent{To: peer.Name, Family: k.family, Kind: kind}, new(int)
					sent = append(sent, f.sent)
					byKey[k] = f
				}
				var err error
				if kind == kindOld {
					f.conn, err = p.oldConn(ap, peer.Name)
				} else if f.conn, err = dialUDP(ap); err == nil {
					fresh = append(fresh, f.conn)
				}
				if err != nil {
					f.sent.Err = err.Error()
					continue
				}
				flows = append(flows, f)
			}
		}
	}
	return flows, sent, func() {
		for _, c := range fresh {
			_ = c.Close()
		}
	}
}

func dialUDP(ap netip.AddrPort) (*net.UDPConn, error) {
	return net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(ap))
}

// oldConn gives the long-lived socket to an address; mu is held. One that has lost its own address is made anew.
func (p *prober) oldConn(ap netip.AddrPort, to string) (*net.UDPConn, error) {
	if f := p.old[ap]; f != nil {
		f.used, f.to = time.Now(), to
		return f.conn, nil
	}
	if len(p.old) >= maxOld {
		return nil, fmt.Errorf("open a flow to %v: there are %d already", ap, len(p.old))
	}
	c, err := dialUDP(ap)
	if err != nil {
		return nil, err
	}
	p.old[ap] = &oldFlow{conn: c, to: to, used: time.Now()}
	return c, nil
}

// forget closes the old flows that sent nothing at all, so that the next round makes them anew; mu is held. A node
// whose own address changed has such sockets.
func (p *prober) forget(flows []*flow) {
	for _, f := range flows {
		if f.sent.Kind != kindOld || f.sent.Count > 0 {
			continue
		}
		for ap, o := range p.old {
			if o.conn == f.conn {
				_ = o.conn.Close()
				delete(p.old, ap)
			}
		}
	}
}

// send sends the next probe over f. An error may belong to an earlier packet (the peer's answer that nobody
// listened there), so that it is tried once more.
func (f *flow) send() {
	f.packet.Number = *f.next
	*f.next++
	b := f.packet.bytes()
	_, err := f.conn.Write(b)
	if err != nil {
		_, err = f.conn.Write(b)
	}
	if err != nil {
		f.sent.Err = err.Error()
		return
	}
	f.sent.Count++
}

// connect is one TCP probe.
func connect(ctx context.Context, ap netip.AddrPort) string {
	d := net.Dialer{Timeout: tcpLimit}
	c, err := d.DialContext(ctx, "tcp", ap.String())
	var ne net.Error
	switch {
	case err == nil:
		_ = c.Close()
		return "connected"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &ne) && ne.Timeout():
		return "timeout"
	}
	return err.Error()
}

// keep says something over every old flow, and closes those that are not used any more or broke.
func (p *prober) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ap, f := range p.old {
		b := packet{"keep", "keep", p.name, f.to, kindOld, 0}.bytes()
		_, err := f.conn.Write(b)
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) {
			err = nil // the peer's trouble, not the socket's
		}
		if err != nil || time.Since(f.used) > oldIdle {
			_ = f.conn.Close()
			delete(p.old, ap)
		}
	}
}

func (p *prober) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ap, f := range p.old {
		_ = f.conn.Close()
		delete(p.old, ap)
	}
}
