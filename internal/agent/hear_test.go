package agent

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func (p *pretended) to(family string) netip.AddrPort {
	port := p.s.hearer.udp[family].LocalAddr().(*net.UDPAddr).AddrPort().Port()
	if family == family4 {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), port)
}

func sendUDP(t *testing.T, to netip.AddrPort, texts ...string) {
	t.Helper()
	c, err := dialUDP(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, s := range texts {
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyProbesOfTheRoundAreCounted(t *testing.T) {
	p, _ := pretend(t, "n2")
	c := p.connect(t, "run-1", 0)
	if err := c.Listen(t.Context(), ListenRequest{Cluster: "c", Round: "r", From: []string{"n1"}}); err != nil {
		t.Fatal(err)
	}
	good := packet{"c", "r", "n1", "n2", kindOld, 7}
	next := 8
	other := func(f func(*packet)) string {
		q := good
		q.Number = next // one that would be counted
		next++
		f(&q)
		return string(q.bytes())
	}
	sendUDP(t, p.to(family4),
		string(good.bytes()), string(good.bytes()), // a number twice is one
		other(func(*packet) {}),
		other(func(q *packet) { q.Cluster = "another" }),
		other(func(q *packet) { q.Round = "another" }),
		other(func(q *packet) { q.From = "n3" }),    // nobody announced it
		other(func(q *packet) { q.To = "n4" }),      // who had this address before
		other(func(q *packet) { q.Kind = "new" }),   // no kind
		other(func(q *packet) { q.Number = 99999 }), // too much
		echoMagic, barrierMagic, "", "GET / HTTP/1.0", strings.Repeat("x", 2000), string(good.bytes())+" ", strings.Repeat(" ", 6))
	// The answer comes at once: what is in the socket's queue is counted before.
	got, err := c.Heard(t.Context(), HeardRequest{Cluster: "c", Round: "r", Families: []string{family4}})
	if err != nil || !slices.Equal(got, []Heard{{"n1", family4, kindOld, 2}}) {
		t.Errorf("heard %+v %v", got, err)
	}
	// Who did not listen cannot say that it was silent.
	if _, err := c.Heard(t.Context(), HeardRequest{Cluster: "c", Round: "never"}); err == nil || !strings.Contains(err.Error(), "did not listen") {
		t.Errorf("a round that was not announced: %v", err)
	}
	if _, err := c.Heard(t.Context(), HeardRequest{Cluster: "c", Round: "r", Families: []string{"ipx"}}); err == nil {
		t.Error("it cannot be silent over what is not listened to")
	}
	// Old rounds are forgotten, so that memory is bounded.
	for i := range maxRounds {
		if err := c.Listen(t.Context(), ListenRequest{Cluster: "c", Round: fmt.Sprint("next-", i), From: []string{"n1"}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Heard(t.Context(), HeardRequest{Cluster: "c", Round: "r"}); err == nil {
		t.Error("the oldest round is still remembered")
	}
}

// A dead socket hears nothing, and must not be taken for a cut.
func TestAListenerThatDiedIsNoSilence(t *testing.T) {
	p, _ := pretend(t, "n2")
	c := p.connect(t, "run-1", 0)
	if err := c.Listen(t.Context(), ListenRequest{Cluster: "c", Round: "r", From: []string{"n1"}}); err != nil {
		t.Fatal(err)
	}
	if err := p.s.hearer.udp[family4].Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Heard(t.Context(), HeardRequest{Cluster: "c", Round: "r", Families: []string{family4}}); err == nil {
		t.Errorf("a dead listener said %+v", got)
	}
}

func TestProbesOverAnOldAndAFreshFlow(t *testing.T) {
	p1, _ := pretend(t, "n1")
	p2, _ := pretend(t, "n2")
	c1, c2 := p1.connect(t, "run-1", 0), p2.connect(t, "run-1", 0)
	probe := func(round string) ProbeAnswer {
		t.Helper()
		if err := c2.Listen(t.Context(), ListenRequest{Cluster: "c", Round: round, From: []string{"n1"}}); err != nil {
			t.Fatal(err)
		}
		a, err := c1.Probe(t.Context(), ProbeRequest{
			Cluster: "c", Round: round, Count: 5, Spacing: time.Millisecond,
			Peers: []Peer{{"n2", []netip.Addr{p2.to(family4).Addr()}, int(p2.to(family4).Port())}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c2.Heard(t.Context(), HeardRequest{Cluster: "c", Round: round, Families: []string{family4}, Want: map[string]int{"n1": 10}, Wait: maxWait})
		slices.SortFunc(got, func(a, b Heard) int { return strings.Compare(a.Kind, b.Kind) })
		if err != nil || !slices.Equal(got, []Heard{{"n1", family4, kindFresh, 5}, {"n1", family4, kindOld, 5}}) {
			t.Errorf("round %s: heard %+v %v", round, got, err)
		}
		return a
	}
	old := func() net.Addr {
		p1.s.prober.mu.Lock()
		defer p1.s.prober.mu.Unlock()
		for _, f := range p1.s.prober.old {
			return f.conn.LocalAddr()
		}
		return nil
	}
	a := probe("r1")
	first := old()
	if len(a.Sent) != 2 || a.Sent[0].Count != 5 || a.Sent[1].Count != 5 {
		t.Errorf("sent %+v", a)
	}
	p1.s.prober.keep()
	probe("r2")
	if second := old(); first == nil || second.String() != first.String() {
		t.Errorf("the old flow is another one: %v, then %v", first, second)
	}
	// An echo came back over the old flow, which makes it an established one for conntrack.
	for _, f := range p1.s.prober.old {
		buf := make([]byte, maxPacket)
		if err := f.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if n, err := f.conn.Read(buf); err != nil || string(buf[:n]) != echoMagic {
			t.Errorf("the echo: %q %v", buf[:n], err)
		}
		// A socket that broke is made anew for the next round but one.
		_ = f.conn.Close()
	}
	if err := c2.Listen(t.Context(), ListenRequest{Cluster: "c", Round: "r3", From: []string{"n1"}}); err != nil {
		t.Fatal(err)
	}
	b, err := c1.Probe(t.Context(), ProbeRequest{Cluster: "c", Round: "r3", Count: 3, Peers: []Peer{{"n2", []netip.Addr{p2.to(family4).Addr()}, int(p2.to(family4).Port())}}})
	if err != nil || b.Sent[0].Count != 0 || b.Sent[0].Err == "" {
		t.Errorf("a broken socket sent: %+v %v", b, err)
	}
	probe("r4")
}

func TestConnectSays(t *testing.T) {
	p, _ := pretend(t, "n1")
	tcp := p.s.hearer.tcp[0].Addr().(*net.TCPAddr).AddrPort()
	if got := connect(t.Context(), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), tcp.Port())); got != "connected" {
		t.Errorf("a listener: %s", got)
	}
	if got := connect(t.Context(), netip.MustParseAddrPort("127.0.0.1:1")); got != "refused" {
		t.Errorf("nobody: %s", got)
	}
}
