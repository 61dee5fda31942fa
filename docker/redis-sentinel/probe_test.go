package redissentinel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

// puppet is a node whose daemons say what they are told to, "" for nothing at all.
type puppet struct {
	name     string
	addrs    []netip.Addr
	role     string // the answer to ROLE, in RESP
	primary  string // what its sentinel answers, an address
	quorum   string // the answer to CKQUORUM, in RESP
	others   string // how many other sentinels its sentinel knows
	redis    net.Listener
	sentinel net.Listener
}

func (p *puppet) Name() string                               { return p.name }
func (p *puppet) Can() cluster.Caps                          { return 0 }
func (p *puppet) Dir() string                                { return "/var/lib/partita" }
func (p *puppet) Peer(context.Context) ([]netip.Addr, error) { return p.addrs, nil }
func (p *puppet) Dial(ctx context.Context, port int) (net.Conn, error) {
	l := p.redis
	if port == sentinelPort {
		l = p.sentinel
	}
	if l == nil {
		return nil, errors.New("connection refused")
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", l.Addr().String())
}

func resp(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

func (p *puppet) answer(cmd []string) string {
	switch strings.ToUpper(cmd[0]) {
	case "ROLE":
		return p.role
	case "SENTINEL":
		switch strings.ToUpper(cmd[1]) {
		case "CKQUORUM":
			return p.quorum
		case "MASTER":
			return resp("name", "partita", "num-other-sentinels", p.others)
		}
		if p.primary == "" {
			return "*-1\r\n"
		}
		return resp(p.primary, "6379")
	}
	return "-ERR unknown command\r\n"
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

// serve answers on both ports until the test ends.
func (p *puppet) serve(t *testing.T) {
	t.Helper()
	listen := func() net.Listener {
		var wg sync.WaitGroup
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
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
		return l
	}
	p.redis, p.sentinel = listen(), listen()
}

const (
	leads  = "*3\r\n$6\r\nmaster\r\n:7\r\n*0\r\n"
	quorum = "+OK 3 usable Sentinels\r\n"
)

func follows(addr, link string) string {
	return fmt.Sprintf("*5\r\n$5\r\nslave\r\n$%d\r\n%s\r\n:6379\r\n$%d\r\n%s\r\n:7\r\n", len(addr), addr, len(link), link)
}

func node(name, addr, role, primary string) *puppet {
	return &puppet{name: name, addrs: []netip.Addr{netip.MustParseAddr(addr)}, role: role, primary: primary, quorum: quorum, others: "2"}
}

// A primary that was cut off still says that it is one, and so does its successor; one whose own sentinel knows
// better does not count.
func TestPrimariesOfASplit(t *testing.T) {
	for _, c := range []struct {
		name string
		n1   string // whom the sentinel of the old primary believes in
		n4   string
		want []string
	}{
		{"cut off", "10.0.0.1", "10.0.0.1", []string{"n2", "n1"}},
		{"healed, not yet converted", "10.0.0.2", "10.0.0.2", []string{"n2"}},
	} {
		dead := node("n4", "10.0.0.4", "", "")
		nodes := []*puppet{node("n1", "10.0.0.1", leads, c.n1), node("n2", "10.0.0.2", leads, "10.0.0.2"), node("n3", "10.0.0.3", follows("10.0.0.2", "connected"), "10.0.0.2")}
		cl := &cluster.Cluster{ID: "fake"}
		for _, n := range nodes {
			n.serve(t)
			cl.Nodes = append(cl.Nodes, n)
		}
		cl.Nodes = append(cl.Nodes, dead)
		got, err := (&DB{}).Primaries(t.Context(), cl)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: primaries %v, %v; want %v", c.name, got, err, c.want)
		}
	}
	if _, err := (&DB{}).Primaries(t.Context(), &cluster.Cluster{Nodes: []cluster.Node{node("n9", "10.0.0.9", "", "")}}); err == nil || !strings.Contains(err.Error(), "n9") {
		t.Errorf("primaries of the dead: %v", err)
	}
}

// Each half-way state has its own sentence, and none of them is ready.
func TestReadySaysWhatIsMissing(t *testing.T) {
	const self, other = "10.0.0.1", "10.0.0.2"
	const all, some = "2", "1"
	cl := &cluster.Cluster{Nodes: make([]cluster.Node, 3)}
	for _, c := range []struct{ role, primary, quorum, others, says string }{
		{leads, self, quorum, all, ""},
		{follows(other, "connected"), other, quorum, all, ""},
		{follows(other, "sync"), other, quorum, all, `is "sync"`},
		{follows("10.0.0.3", "connected"), other, quorum, all, "is a replica of 10.0.0.3:6379, the primary is 10.0.0.2:6379"},
		{leads, other, quorum, all, "believes to be the primary"},
		{follows(other, "connected"), self, quorum, all, "which is a replica of 10.0.0.2:6379"},
		{leads, self, "-NOQUORUM 1 usable Sentinels\r\n", all, "NOQUORUM"},
		{leads, self, quorum, some, "knows 1 others of 2"},
		{leads, "", quorum, all, "for the primary"},
		{leads, "nowhere", quorum, all, "expected an address"},
		{"+OK\r\n", self, quorum, all, "expected a primary's or a replica's"},
		{"-LOADING Redis is loading the dataset in memory\r\n", self, quorum, all, "LOADING"},
	} {
		n := node("n1", self, c.role, c.primary)
		n.quorum, n.others = c.quorum, c.others
		n.serve(t)
		err := (&DB{}).Ready(t.Context(), cl, n)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q, primary %q: %v; want %q", c.role, c.primary, err, c.says)
		}
	}
}

// The first node leads, the others follow it, a majority decides, and IPv4 comes first.
func TestConfiguration(t *testing.T) {
	n1, n2 := node("n1", "fd00::1", "", ""), node("n2", "127.9.9.2", "", "")
	n1.addrs = append(n1.addrs, netip.MustParseAddr("10.0.0.1"))
	c := &cluster.Cluster{Nodes: []cluster.Node{n1, n2, node("n3", "fd00::3", "", "")}}
	d := &DB{minReplicas: 2}
	for _, check := range []struct {
		n         cluster.Node
		has, lack []string
	}{
		{n1, []string{"bind * -::*\n", "replica-announce-ip 10.0.0.1\n", "min-replicas-to-write 2\n", "sentinel monitor partita 10.0.0.1 6379 2\n"}, []string{"replicaof"}},
		{n2, []string{"bind 127.9.9.2\n", "replicaof 10.0.0.1 6379\n", "sentinel announce-ip 127.9.9.2\n"}, []string{"bind *"}},
		{c.Nodes[2], []string{"replica-announce-ip fd00::3\n", "sentinel known-replica partita 127.9.9.2 6379\nsentinel known-replica partita fd00::3 6379\n", `dir "/var/lib/partita/sentinel"` + "\n"}, nil},
	} {
		r, s, err := d.files(t.Context(), c, check.n)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range check.has {
			if !strings.Contains(r+s, want) {
				t.Errorf("%s lacks %q:\n%s%s", check.n.Name(), want, r, s)
			}
		}
		for _, not := range check.lack {
			if strings.Contains(r+s, not) {
				t.Errorf("%s has %q:\n%s%s", check.n.Name(), not, r, s)
			}
		}
	}
	if _, _, err := d.files(t.Context(), c, node("n9", "10.0.0.9", "", "")); err == nil || !strings.Contains(err.Error(), "n9") {
		t.Errorf("a foreign node: %v", err)
	}
	if err := d.Start(t.Context(), c, n1); err == nil || !strings.Contains(err.Error(), "cannot run commands and daemons") {
		t.Errorf("a node without shell: %v", err)
	}
}
