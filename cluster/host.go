package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Host is a Node that a database can be automated on: it runs commands and daemons, and has files.
type Host interface {
	Node
	Executor
	Files
	Processes
}

// HostOf gives a node as a Host; the error says for the automation of which system ("etcd") it cannot be one.
func HostOf(n Node, system string) (Host, error) {
	h, ok := n.(Host)
	if !ok {
		return nil, fmt.Errorf("node %s cannot run commands and daemons, so %s cannot be automated there: use nodes that can be logged in to", n.Name(), system)
	}
	return h, nil
}

// RemoveData removes the folders in which a system ("etcd") has its data on a node, and looks whether they are gone. The
// system does not run.
func RemoveData(ctx context.Context, h Host, system string, dirs ...string) error {
	if _, err := h.Exec(ctx, Cmd{Args: append([]string{"rm", "-rf", "--"}, dirs...)}); err != nil {
		return fmt.Errorf("wipe the data of %s: %w", system, err)
	}
	for _, dir := range dirs {
		_, err := h.Exec(ctx, Cmd{Args: []string{"test", "!", "-e", dir}})
		var exit *ExitError
		switch {
		case errors.As(err, &exit) && exit.Status == 1:
			return fmt.Errorf("wipe the data of %s on %s: %s is still there", system, h.Name(), dir)
		case err != nil:
			return fmt.Errorf("look whether the data of %s is gone: %w", system, err)
		}
	}
	return nil
}

// Address gives a node's first IPv4 address, or its first where it has none.
func Address(ctx context.Context, n Node) (netip.Addr, error) {
	addrs, err := n.Peer(ctx)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("ask for the address of %s: %w", n.Name(), err)
	}
	if len(addrs) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no address that its peers can reach", n.Name())
	}
	for _, a := range addrs {
		if a.Is4() {
			return a, nil
		}
	}
	return addrs[0], nil
}

// Owner finds the node that has an address. Those named first are asked first.
func (c *Cluster) Owner(ctx context.Context, a netip.Addr, first ...Node) (Node, error) {
	var errs []error
	for _, n := range slices.Concat(first, c.Nodes) {
		addrs, err := n.Peer(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask for the address of %s: %w", n.Name(), err))
		}
		if slices.ContainsFunc(addrs, func(b netip.Addr) bool { return b.Unmap() == a }) {
			return n, nil
		}
	}
	return nil, errors.Join(append([]error{fmt.Errorf("no node of %v has the address %s", c.Names(), a)}, errs...)...)
}
