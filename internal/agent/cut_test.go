package agent

import (
	"errors"
	"strings"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

var (
	e12 = cluster.Edge{From: "n1", To: "n2"}
	e21 = cluster.Edge{From: "n2", To: "n1"}
	e13 = cluster.Edge{From: "n1", To: "n3"}
	e32 = cluster.Edge{From: "n3", To: "n2"}
)

// probe gives the evidence of edges, in their order.
func probe(t *testing.T, n *Net, edges ...cluster.Edge) []cluster.Evidence {
	t.Helper()
	ev, err := n.Reach(t.Context(), edges)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ev {
		t.Logf("%s→%s tcp=%s err=%q %+v", e.From, e.To, e.TCP, e.Err, e.Flows)
		if len(e.Flows) != 4 {
			t.Errorf("%s→%s has %d flows, expected old and fresh over IPv4 and IPv6", e.From, e.To, len(e.Flows))
		}
	}
	return ev
}

func set(t *testing.T, n *Net, edges ...cluster.Edge) {
	t.Helper()
	if err := n.Set(t.Context(), edges); err != nil {
		t.Fatal(err)
	}
}

func TestACutGoesOneWayAndHeals(t *testing.T) {
	w := newWorld(t, 3)
	n := w.network(t)
	n2 := w.nodes[1]

	// Somebody else has rules on n2, before and meanwhile.
	n2.run(t, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "9", "-j", "DROP")
	n2.run(t, "ip6tables", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "DROP")

	for _, e := range probe(t, n, e12, e21, e13, e32) {
		if !e.Heard() || e.TCP != "connected" {
			t.Errorf("before the cut %s→%s was not heard", e.From, e.To)
		}
	}

	set(t, n, e12)
	n2.run(t, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", "10", "-j", "DROP")
	others := n2.others(t)
	// IPv6 must find its neighbours in spite of the cut, or n2 could soon not speak to n1 either.
	n2.run(t, "ip", "-6", "neigh", "flush", "dev", "eth0")
	ev := probe(t, n, e12, e21, e13, e32)
	if !ev[0].Silent() {
		t.Error("n1→n2 is cut and was heard")
	}
	if ev[0].TCP != "timeout" {
		t.Errorf("TCP over the cut: %s", ev[0].TCP)
	}
	for _, e := range ev[1:] {
		if !e.Heard() {
			t.Errorf("%s→%s is not cut and was not heard", e.From, e.To)
		}
	}
	for _, want := range []string{jump, "-A PARTITA -s 10.231.0.1/32 -j DROP", "-A PARTITA -s fd00:231::1/128 -j DROP"} {
		if !strings.Contains(n.Rules()["n2"], want) {
			t.Errorf("the evidence lacks %q:\n%s", want, n.Rules()["n2"])
		}
	}

	// The whole state is set each time: another edge replaces this one.
	set(t, n, e13)
	ev = probe(t, n, e12, e13)
	if !ev[0].Heard() || !ev[1].Silent() {
		t.Error("the second cut did not replace the first")
	}

	for range 2 { // healing twice is healing
		set(t, n)
	}
	for _, e := range probe(t, n, e12, e21, e13, e32) {
		if !e.Heard() {
			t.Errorf("after healing %s→%s was not heard", e.From, e.To)
		}
	}
	for _, node := range w.nodes {
		if all := node.run(t, "iptables", "-S") + node.run(t, "ip6tables", "-S"); strings.Contains(all, chain) {
			t.Errorf("%s: something of ours is left:\n%s", node.name, all)
		}
	}
	if now := n2.others(t); now != others {
		t.Errorf("somebody else's rules changed from\n%s to\n%s", others, now)
	}
}

func TestAnAcceptBeforeOurs(t *testing.T) {
	w := newWorld(t, 2)
	n := w.network(t)
	n2 := w.nodes[1]
	accept := func(flag string, args ...string) {
		for _, tool := range []string{"iptables", "ip6tables"} {
			n2.run(t, append(append([]string{tool, flag, "INPUT"}, args...), "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT")...)
		}
	}
	// Somebody's rule is first (and makes the kernel track connections); ours is put before it.
	accept("-A")
	probe(t, n, e12, e21) // the old flows are established now
	set(t, n, e12)
	if ev := probe(t, n, e12, e21); !ev[0].Silent() || !ev[1].Heard() {
		t.Error("the cut is not real behind an ACCEPT ESTABLISHED")
	}

	// Somebody puts a rule before ours later: the old flow is heard, and the evidence says that.
	accept("-I", "1")
	ev := probe(t, n, e12)[0]
	if ev.Silent() || ev.Heard() {
		t.Error("a cut that old flows pass was called silent or heard")
	}
	for _, f := range ev.Flows {
		if (f.Kind == kindOld) != (f.Heard > 0) {
			t.Errorf("%s %s: heard %d of %d", f.Family, f.Kind, f.Heard, f.Sent)
		}
	}

	// Setting the same state again puts it right.
	set(t, n, e12)
	if ev := probe(t, n, e12); !ev[0].Silent() {
		t.Error("the jump was not moved to the first place")
	}
	set(t, n)
	if ev := probe(t, n, e12); !ev[0].Heard() {
		t.Error("not healed")
	}
}

// A rule that cuts only one family, or the wrong direction, is no silence.
func TestHalfACutIsNoCut(t *testing.T) {
	w := newWorld(t, 2)
	n := w.network(t)
	probe(t, n, e12)
	w.nodes[1].run(t, "iptables", "-A", "INPUT", "-s", "10.231.0.1", "-j", "DROP")
	if ev := probe(t, n, e12)[0]; ev.Silent() || ev.Heard() {
		t.Error("only IPv4 is cut, but the edge was called silent or heard")
	}
}

func TestANodeThatFailsSpoilsOnlyItsEdges(t *testing.T) {
	w := newWorld(t, 3)
	n := w.network(t)
	members := n.members()
	if err := members[2].Client.Close(true); err != nil {
		t.Fatal(err)
	}
	err := n.Set(t.Context(), []cluster.Edge{e12, e13})
	if err == nil || !strings.Contains(err.Error(), "n3") || strings.Contains(err.Error(), "n2:") {
		t.Errorf("the error must name n3 alone: %v", err)
	}
	ev, err := n.Reach(t.Context(), []cluster.Edge{e12, e21, e13})
	if err != nil {
		t.Fatal(err)
	}
	if !ev[0].Silent() || !ev[1].Heard() {
		t.Errorf("the other nodes must go on: %+v", ev)
	}
	if ev[2].Err == "" || ev[2].Silent() || ev[2].Heard() {
		t.Errorf("nobody can say anything about n1→n3: %+v", ev[2])
	}
	if err := n.Set(t.Context(), []cluster.Edge{{From: "n1", To: "n9"}}); err == nil || !strings.Contains(err.Error(), "n1, n2, n3") {
		t.Errorf("a wrong name must list the right ones: %v", err)
	}
	if err := n.Set(t.Context(), nil); !errors.Is(err, errClosed) {
		t.Errorf("healing must say that n3 could not be asked: %v", err)
	}
	if ev := probe(t, n, e12); !ev[0].Heard() {
		t.Error("not healed")
	}
}
