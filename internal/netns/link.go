//go:build linux

package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const bridgeName = "partita0"

// makeBridge makes the bridge in the hub's namespace, with the hub's own addresses.
func makeBridge() error {
	if err := loopbackUp(); err != nil {
		return err
	}
	off := false // its querier's silence would keep neighbours from being found at first
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}, MulticastSnooping: &off}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("make the bridge: %w: does the kernel have the module bridge?", err)
	}
	return linkUp(bridgeName, hubAddrs)
}

// makeLink makes the cable of the i-th node: one end in the bridge, the other is eth0 in the namespace of pid.
func makeLink(i, pid int) error {
	br, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find the bridge: %w", err)
	}
	attrs := netlink.LinkAttrs{Name: fmt.Sprintf("n%d", i+1), MasterIndex: br.Attrs().Index}
	v := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsPid(pid)}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("make its network interface: %w: does the kernel have the module veth?", err)
	}
	if err := netlink.LinkSetUp(v); err != nil {
		return fmt.Errorf("start its network interface: %w", err)
	}
	return nil
}

// ownNetwork gives the node its addresses.
func ownNetwork(addrs []netip.Prefix) error {
	if err := loopbackUp(); err != nil {
		return err
	}
	return linkUp("eth0", addrs)
}

// ipv6On switches IPv6 on for every interface, where the kernel has it: some machines start with it off.
func ipv6On() {
	files, _ := filepath.Glob("/proc/sys/net/ipv6/conf/*/disable_ipv6")
	for _, f := range files {
		_ = os.WriteFile(f, []byte("0"), 0) // what cannot be switched on shows when the address is set
	}
}

func haveIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

func loopbackUp() error {
	ipv6On()
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("start the loopback interface: %w", err)
	}
	return nil
}

// linkUp gives an interface its addresses and starts it. An IPv6 address is good at once: nobody else can have it, and to
// look for a second or two whether somebody does would keep servers from listening on it.
func linkUp(name string, addrs []netip.Prefix) error {
	ipv6On()
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find the interface %s: %w", name, err)
	}
	for _, p := range addrs {
		if p.Addr().Is6() && !haveIPv6() {
			continue
		}
		a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(l, a); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, p, err)
		}
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("start the interface %s: %w", name, err)
	}
	return nil
}
