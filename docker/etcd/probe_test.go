package etcd

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/partita-dev/partita/cluster"
)

// member is a node that says of itself what it is told to.
type member struct {
	etcdserverpb.UnimplementedMaintenanceServer
	name     string
	addrs    []netip.Addr
	answer   *etcdserverpb.StatusResponse // nil: no answer at all
	listener net.Listener
}

func (m *member) Name() string                               { return m.name }
func (m *member) Can() cluster.Caps                          { return 0 }
func (m *member) Dir() string                                { return "/var/lib/partita" }
func (m *member) Peer(context.Context) ([]netip.Addr, error) { return m.addrs, nil }
func (m *member) Dial(ctx context.Context, _ int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", m.listener.Addr().String())
}

func (m *member) Status(ctx context.Context, _ *etcdserverpb.StatusRequest) (*etcdserverpb.StatusResponse, error) {
	if m.answer == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return m.answer, nil
}

func claims(id, leader, term uint64) *etcdserverpb.StatusResponse {
	return &etcdserverpb.StatusResponse{Header: &etcdserverpb.ResponseHeader{MemberId: id}, Leader: leader, RaftTerm: term}
}

func serve(t *testing.T, ms ...*member) *cluster.Cluster {
	t.Helper()
	c := &cluster.Cluster{ID: "fake"}
	for _, m := range ms {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m.listener = l
		s := grpc.NewServer()
		etcdserverpb.RegisterMaintenanceServer(s, m)
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Serve(l) }()
		t.Cleanup(func() { s.Stop(); <-done })
		c.Nodes = append(c.Nodes, m)
	}
	return c
}

// A cut-off leader believes in itself: the higher term leads. Who hangs is passed over, within bounds.
func TestOfTwoLeadersTheHigherTermLeads(t *testing.T) {
	old, silent, now := &member{name: "n1", answer: claims(1, 1, 4)}, &member{name: "n2"}, &member{name: "n3", answer: claims(3, 3, 5)}
	for _, order := range [][]*member{{old, silent, now}, {now, silent, old}} {
		begun := time.Now()
		got, err := DB{}.Primaries(t.Context(), serve(t, order...))
		if err != nil || !slices.Equal(got, []string{"n3"}) {
			t.Errorf("primaries: %v, %v; want n3", got, err)
		}
		if took := time.Since(begun); took > 10*probeTimeout {
			t.Errorf("a silent member held everything up for %v", took)
		}
	}
}

func TestDuringAnElectionNobodyLeads(t *testing.T) {
	c := serve(t, &member{name: "n1", answer: claims(1, 0, 7)}, &member{name: "n2", answer: claims(0, 0, 7)}, &member{name: "n3", answer: claims(3, 1, 7)})
	if got, err := (DB{}).Primaries(t.Context(), c); err != nil || len(got) != 0 {
		t.Errorf("primaries: %v, %v; want none", got, err)
	}
}

// The members are told apart by name, IPv4 comes first, and a node that is nobody's or has no address is refused.
func TestArguments(t *testing.T) {
	ip := netip.MustParseAddr
	n1 := &member{name: "n1", addrs: []netip.Addr{ip("fd00::1"), ip("10.0.0.1")}}
	n2 := &member{name: "n2", addrs: []netip.Addr{ip("fd00::2")}}
	c := &cluster.Cluster{ID: "p7", Nodes: []cluster.Node{n1, n2}}
	settings, err := settingsOf(t.Context(), c, n1)
	if err != nil {
		t.Fatal(err)
	}
	args, _ := DB{}.command(n1, settings)
	got := strings.Join(args, " ")
	for _, want := range []string{
		"--name=n1 ", "--initial-cluster=n1=http://10.0.0.1:2380,n2=http://[fd00::2]:2380 ", "--initial-cluster-token=p7 ",
		"--listen-client-urls=http://10.0.0.1:2379,http://127.0.0.1:2379 ", "--data-dir=/var/lib/partita/etcd ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("arguments lack %q:\n%s", want, got)
		}
	}
	if _, err := settingsOf(t.Context(), c, &member{name: "n9"}); err == nil || !strings.Contains(err.Error(), "n9 is no node") {
		t.Errorf("a foreign node: %v", err)
	}
	n2.addrs = nil
	if _, err := settingsOf(t.Context(), c, n1); err == nil || !strings.Contains(err.Error(), "n2 has no address") {
		t.Errorf("a node without address: %v", err)
	}
	if err := (DB{}).Start(t.Context(), c, n1); err == nil || !strings.Contains(err.Error(), "cannot run commands and daemons") {
		t.Errorf("a node without shell: %v", err)
	}
}
