package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
)

const (
	sentinelPort = 26379
	primaryName  = "partita" // what Sentinel calls the primary
)

// connect finds the primary and connects to it. Every error of it is proof that no effect was sent.
func (c *conn) connect(ctx context.Context) (l *link, primary string, err error) {
	addr, err := c.locate(ctx)
	if err != nil {
		return nil, "", err
	}
	raw, primary, err := c.dial(ctx, addr)
	if err != nil {
		return nil, "", clients.Unreachable(ctx, fmt.Errorf("connect %s to the primary %s: %w", c.node.Name(), addr, err))
	}
	l = c.link(raw)
	release := l.guard(ctx)
	answer, err := l.Do(ctx, "ROLE").Slice()
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil && (len(answer) == 0 || answer[0] != "master") {
		err = notPrimary(fmt.Errorf("%s is the primary for the sentinel of %s, and says of itself: %v", primary, c.node.Name(), answer))
	} else if err != nil {
		err = clients.Unreachable(ctx, fmt.Errorf("ask %s for its role: %w", primary, err))
	}
	if err != nil {
		l.close()
		return nil, "", err
	}
	return l, primary, nil
}

// locate asks the sentinel of the client's own node for the primary's address.
func (c *conn) locate(ctx context.Context) (netip.AddrPort, error) {
	raw, err := c.node.Dial(ctx, sentinelPort)
	if err != nil {
		return netip.AddrPort{}, clients.Unreachable(ctx, fmt.Errorf("connect to the sentinel of %s: %w", c.node.Name(), err))
	}
	l := newLink(raw)
	defer l.close()
	defer l.guard(ctx)()
	parts, err := l.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", primaryName).StringSlice()
	switch {
	case errors.Is(err, goredis.Nil):
		return netip.AddrPort{}, noPrimary(fmt.Errorf("the sentinel of %s knows no primary %q", c.node.Name(), primaryName))
	case err != nil:
		return netip.AddrPort{}, clients.Unreachable(ctx, fmt.Errorf("ask the sentinel of %s for the primary: %w", c.node.Name(), err))
	case len(parts) != 2:
		return netip.AddrPort{}, noPrimary(fmt.Errorf("the sentinel of %s answers %q: expected an address and a port", c.node.Name(), parts))
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(parts[0], parts[1]))
	if err != nil {
		return netip.AddrPort{}, noPrimary(fmt.Errorf("the sentinel of %s answers %q: %w", c.node.Name(), parts, err))
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()), nil
}

// dial connects the client's node to the primary, and names the node that the primary is.
func (c *conn) dial(ctx context.Context, to netip.AddrPort) (net.Conn, string, error) {
	primary, err := c.cluster.Owner(ctx, to.Addr(), c.node)
	if err != nil {
		return nil, "", err
	}
	from, elsewhere := c.node.(cluster.Forwarder)
	var raw net.Conn
	if elsewhere && primary.Name() != c.node.Name() {
		raw, err = from.Forward(ctx, to)
	} else {
		raw, err = primary.Dial(ctx, int(to.Port()))
	}
	return raw, primary.Name(), err
}
