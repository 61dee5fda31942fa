package agent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// chain is Partita's own chain. Nobody else's rules are ever touched.
const chain = "PARTITA"

const jump = "-A INPUT -j " + chain

// maxDrop bounds how many addresses a node can be made deaf to.
const maxDrop = 1024

// rules is what a table says about Partita, read from the output of `iptables -S`.
type rules struct {
	chain   bool     // the chain is there
	jumps   int      // how often INPUT jumps to it
	first   bool     // the first rule of INPUT is that jump
	own     []string // the rules in the chain
	foreign []string // others' rules that lead into the chain
}

func parseRules(text string) rules {
	var r rules
	seen := false // a rule of INPUT
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "-N "+chain:
			r.chain = true
		case line == jump:
			r.jumps++
			r.first = r.first || !seen
			seen = true
		case strings.HasPrefix(line, "-A "+chain+" "):
			r.own = append(r.own, line)
		case strings.HasPrefix(line, "-A "):
			if strings.Contains(line+" ", "-j "+chain+" ") || strings.Contains(line+" ", "-g "+chain+" ") {
				r.foreign = append(r.foreign, line)
			}
			seen = seen || strings.HasPrefix(line, "-A INPUT ")
		}
	}
	return r
}

// lines is r as `iptables -S` prints it: the evidence of what is set.
func (r rules) lines() []string {
	var s []string
	if r.chain {
		s = append(s, "-N "+chain)
	}
	for range r.jumps {
		s = append(s, jump)
	}
	if r.jumps > 0 && !r.first {
		s = append(s, "# the jump is NOT the first rule of INPUT")
	}
	return append(s, r.own...)
}

// wanted is what the chain must hold so that nothing of the addresses is heard. For IPv6 the neighbour discovery
// of a peer passes, as ARP does for IPv4: without it the node could soon not *send* to that peer either, and the
// cut would go both ways.
func wanted(drop []netip.Addr) []string {
	var s []string
	for _, a := range drop {
		from := fmt.Sprintf("-A %s -s %s", chain, netip.PrefixFrom(a, a.BitLen()))
		if a.Is6() {
			for _, kind := range []string{"135", "136"} {
				s = append(s, from+" -p ipv6-icmp -m icmp6 --icmpv6-type "+kind+" -j RETURN")
			}
		}
		s = append(s, from+" -j DROP")
	}
	return s
}

// restore is the input of `iptables-restore --noflush` that turns what is now into what is wanted, in one step;
// "" when there is nothing to do. That the chain is named flushes it; the jump is put first in INPUT.
func restore(now rules, drop []netip.Addr) (string, error) {
	if len(drop) == 0 && !now.chain && now.jumps == 0 {
		return "", nil
	}
	if len(drop) == 0 && len(now.foreign) > 0 {
		return "", fmt.Errorf("remove the chain %s: a rule that is not ours leads into it (%s): delete that rule", chain, now.foreign[0])
	}
	var b strings.Builder
	b.WriteString("*filter\n")
	if now.chain || len(drop) > 0 {
		fmt.Fprintf(&b, ":%s - [0:0]\n", chain)
	}
	for range now.jumps {
		fmt.Fprintf(&b, "-D INPUT -j %s\n", chain)
	}
	if len(drop) > 0 {
		fmt.Fprintf(&b, "-I INPUT 1 -j %s\n", chain)
		for _, line := range wanted(drop) {
			b.WriteString(line + "\n")
		}
	} else if now.chain {
		fmt.Fprintf(&b, "-X %s\n", chain)
	}
	b.WriteString("COMMIT\n")
	return b.String(), nil
}

// verify says what is still wrong after a restore.
func (r rules) verify(drop []netip.Addr) error {
	switch {
	case len(drop) == 0 && (r.chain || r.jumps > 0):
		return fmt.Errorf("the chain %s is still there", chain)
	case len(drop) == 0:
		return nil
	case !r.first:
		return fmt.Errorf("the jump to %s is not the first rule of INPUT: somebody else puts rules there", chain)
	case r.jumps != 1:
		return fmt.Errorf("INPUT jumps to %s %d times, expected once", chain, r.jumps)
	case !slices.Equal(r.own, wanted(drop)):
		return fmt.Errorf("the chain %s is not what was set: somebody else changes it (%q)", chain, r.own)
	}
	return nil
}

// checkDrop refuses addresses that are no peer's, sorts the others, and parts them by family.
func checkDrop(drop []netip.Addr) (v4, v6 []netip.Addr, err error) {
	if len(drop) > maxDrop {
		return nil, nil, bad("drop %d addresses: expected at most %d", len(drop), maxDrop)
	}
	for _, a := range drop {
		a = a.Unmap()
		switch {
		case !a.IsValid():
			return nil, nil, bad("drop an address: one is empty")
		case a.Zone() != "" || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast():
			return nil, nil, bad("drop %v: it is no address of a cluster's peer", a)
		case a.Is4():
			v4 = append(v4, a)
		default:
			v6 = append(v6, a)
		}
	}
	return tidy(v4), tidy(v6), nil
}

func tidy(as []netip.Addr) []netip.Addr {
	slices.SortFunc(as, netip.Addr.Compare)
	return slices.Compact(as)
}
