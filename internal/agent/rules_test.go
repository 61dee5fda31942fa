package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

func addrs(ss ...string) []netip.Addr {
	var as []netip.Addr
	for _, s := range ss {
		as = append(as, netip.MustParseAddr(s))
	}
	return as
}

func TestOneRestoreIsTheWholeState(t *testing.T) {
	for _, c := range []struct {
		name, now string
		drop      []netip.Addr
		want      string
	}{
		{"nothing to do", "-P INPUT ACCEPT\n-A INPUT -j ACCEPT\n", nil, ""},
		{"a first cut", "-P INPUT ACCEPT\n", addrs("10.0.0.2"),
			"*filter\n:PARTITA - [0:0]\n-I INPUT 1 -j PARTITA\n-A PARTITA -s 10.0.0.2/32 -j DROP\nCOMMIT\n"},
		{"the jump is not first, and there twice", "-N PARTITA\n-A INPUT -j ACCEPT\n-A INPUT -j PARTITA\n-A INPUT -j PARTITA\n", addrs("10.0.0.2"),
			"*filter\n:PARTITA - [0:0]\n-D INPUT -j PARTITA\n-D INPUT -j PARTITA\n-I INPUT 1 -j PARTITA\n-A PARTITA -s 10.0.0.2/32 -j DROP\nCOMMIT\n"},
		{"healing", "-N PARTITA\n-A INPUT -j PARTITA\n-A INPUT -j ACCEPT\n-A PARTITA -s 10.0.0.2/32 -j DROP\n", nil,
			"*filter\n:PARTITA - [0:0]\n-D INPUT -j PARTITA\n-X PARTITA\nCOMMIT\n"},
		{"healing half a state", "-N PARTITA\n", nil, "*filter\n:PARTITA - [0:0]\n-X PARTITA\nCOMMIT\n"},
	} {
		got, err := restore(parseRules(c.now), c.drop)
		if err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", c.name, err, got, c.want)
		}
	}
	if _, err := restore(parseRules("-N PARTITA\n-A FORWARD -i eth0 -j PARTITA\n"), nil); err == nil || !strings.Contains(err.Error(), "FORWARD") {
		t.Errorf("somebody else leads into our chain: %v", err)
	}
}

func TestAddressesThatAreNoPeers(t *testing.T) {
	for _, a := range []netip.Addr{{}, netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("::"), netip.MustParseAddr("127.0.0.1"),
		netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fd00::1%eth0"), netip.MustParseAddr("::ffff:127.0.0.1")} {
		if _, _, err := checkDrop([]netip.Addr{a}); err == nil {
			t.Errorf("%v was taken", a)
		}
	}
	if _, _, err := checkDrop(make([]netip.Addr, maxDrop+1)); err == nil {
		t.Error("too many were taken")
	}
	v4, v6, err := checkDrop(addrs("10.0.0.3", "fd00::2", "::ffff:10.0.0.2", "10.0.0.3"))
	if err != nil || !slices.Equal(v4, addrs("10.0.0.2", "10.0.0.3")) || !slices.Equal(v6, addrs("fd00::2")) {
		t.Errorf("%v %v %v", v4, v6, err)
	}
}

// table is an iptables in memory: just what the agent asks of one.
type table struct {
	mu      sync.Mutex
	missing bool
	input   map[string][]string           // by tool
	chain   map[string][]string           // nil: not there
	after   func(tool string, tab *table) // what somebody else does after each restore
	calls   []string
}

func newTable() *table {
	return &table{input: map[string][]string{}, chain: map[string][]string{}, after: func(string, *table) {}}
}

func (tab *table) run(_ context.Context, stdin string, args ...string) (string, error) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tool := strings.TrimSuffix(args[0], "-restore")
	if tab.missing {
		return "", fmt.Errorf("find %s: %w", tool, exec.ErrNotFound)
	}
	if tool == args[0] {
		out := "-P INPUT ACCEPT\n"
		if tab.chain[tool] != nil {
			out += "-N " + chain + "\n"
		}
		return out + strings.Join(append(slices.Clone(tab.input[tool]), tab.chain[tool]...), "\n") + "\n", nil
	}
	tab.calls = append(tab.calls, tool)
	for line := range strings.Lines(stdin) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, ":"):
			tab.chain[tool] = []string{}
		case line == "-D INPUT -j "+chain:
			i := slices.Index(tab.input[tool], jump)
			if i < 0 {
				return "", errors.New("line 3 failed")
			}
			tab.input[tool] = slices.Delete(tab.input[tool], i, i+1)
		case strings.HasPrefix(line, "-I INPUT 1 "):
			tab.input[tool] = slices.Insert(tab.input[tool], 0, jump)
		case strings.HasPrefix(line, "-A "+chain):
			tab.chain[tool] = append(tab.chain[tool], line)
		case line == "-X "+chain:
			tab.chain[tool] = nil
		}
	}
	tab.after(tool, tab)
	return "", nil
}

func TestSomebodyElseChangesTheTable(t *testing.T) {
	tab := newTable()
	f := &firewall{run: tab.run, ipv6: func() bool { return true }}
	// Once: it is set again, before the newcomer.
	once := true
	tab.after = func(tool string, tab *table) {
		if once && tool == "iptables" {
			once = false
			tab.input[tool] = slices.Insert(tab.input[tool], 0, "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT")
		}
	}
	if _, err := f.set(t.Context(), addrs("10.0.0.2")); err != nil {
		t.Fatal(err)
	}
	if tab.input["iptables"][0] != jump || len(tab.input["iptables"]) != 2 {
		t.Errorf("the jump is not first: %q", tab.input)
	}
	if len(tab.calls) != 2 {
		t.Errorf("restored %v: expected twice for IPv4, and nothing for IPv6", tab.calls)
	}
	if !f.standing(t.Context()) {
		t.Error("rules stand, and it is denied")
	}
	// Always: then it is an error and no claimed cut.
	tab.after = func(tool string, tab *table) {
		tab.input[tool] = slices.Insert(tab.input[tool], 0, "-A INPUT -j ACCEPT")
	}
	if _, err := f.set(t.Context(), addrs("10.0.0.2")); err == nil || !strings.Contains(err.Error(), "not the first") {
		t.Errorf("a jump that never is first: %v", err)
	}
	tab.after = func(tool string, tab *table) { tab.chain[tool] = []string{"-A PARTITA -j ACCEPT"} }
	if _, err := f.set(t.Context(), addrs("10.0.0.2")); err == nil || !strings.Contains(err.Error(), "-j ACCEPT") {
		t.Errorf("a chain that somebody fills: %v", err)
	}
	tab.after = func(string, *table) {}
	if _, err := f.set(t.Context(), nil); err != nil || slices.Contains(tab.input["iptables"], jump) || f.standing(t.Context()) {
		t.Errorf("healing: %v %q", err, tab.input)
	}
}

func TestNoIPv6AndNoIPTables(t *testing.T) {
	tab := newTable()
	f := &firewall{run: tab.run, ipv6: func() bool { return false }}
	text, err := f.set(t.Context(), addrs("10.0.0.2", "fd00::2"))
	if err != nil || !strings.Contains(text, "IPv6 is off") {
		t.Errorf("IPv6 is off: %q %v", text, err)
	}
	tab.missing = true
	if _, err := f.set(t.Context(), nil); err != nil {
		t.Errorf("nothing can stand without iptables: %v", err)
	}
	if _, err := f.set(t.Context(), addrs("10.0.0.2")); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a cut without iptables: %v", err)
	}
	if _, err := runTool(t.Context(), "", "no-such-tables"); err == nil || !strings.Contains(err.Error(), "install") {
		t.Errorf("the error must say what to do: %v", err)
	}
}
