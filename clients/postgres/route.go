package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
)

// role is what a link is for.
type role int

const (
	toPrimary role = iota
	toStandby
	toOwn // whatever the own node is
)

// whoAmI asks a server whether it is a standby, and of whom.
const whoAmI = "SELECT pg_is_in_recovery(), current_setting('primary_conninfo')"

// link gives the connection for a role, and makes it when there is none. Every error of it is proof that no effect was sent.
func (c *conn) link(ctx context.Context, r role) (*link, error) {
	if l := c.links[r]; l != nil {
		return l, nil
	}
	l, err := c.connect(ctx, r)
	if err != nil {
		return nil, err
	}
	c.links[r] = l
	return l, nil
}

func (c *conn) connect(ctx context.Context, r role) (*link, error) {
	own, standby, primary, err := c.reach(ctx, c.node)
	if err != nil {
		return nil, err
	}
	switch {
	case r == toOwn || standby == (r == toStandby):
		return own, nil
	case r == toStandby: // the own node is a primary
		own.close()
		return c.anyStandby(ctx)
	}
	own.close()
	at, err := hostOf(primary)
	if err != nil {
		return nil, noPrimary(fmt.Errorf("the standby %s follows %q: %w", c.node.Name(), primary, err))
	}
	n, err := c.cluster.Owner(ctx, at)
	if err != nil {
		return nil, noPrimary(err)
	}
	l, standby, _, err := c.reach(ctx, n)
	if err != nil {
		return nil, err
	}
	if standby {
		l.close()
		return nil, notPrimary(fmt.Errorf("%s follows %s, which is a standby itself", c.node.Name(), n.Name()))
	}
	return l, nil
}

// anyStandby connects to the first standby that the own node reaches.
func (c *conn) anyStandby(ctx context.Context) (*link, error) {
	var errs []error
	for _, n := range c.cluster.Nodes {
		if n.Name() == c.node.Name() {
			continue
		}
		l, standby, _, err := c.reach(ctx, n)
		if err == nil && standby {
			return l, nil
		}
		if err == nil {
			l.close()
			err = fmt.Errorf("%s is no standby", n.Name())
		}
		errs = append(errs, err)
	}
	return nil, noStandby(fmt.Errorf("no standby to read from: %w", errors.Join(errs...)))
}

// reach connects to the server of a node, from the client's own, and asks for its role.
func (c *conn) reach(ctx context.Context, n cluster.Node) (l *link, standby bool, primary string, err error) {
	raw, err := c.dial(ctx, n)
	if err != nil {
		return nil, false, "", clients.Unreachable(ctx, fmt.Errorf("connect %s to PostgreSQL on %s: %w", c.node.Name(), n.Name(), err))
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	l, err = c.handshake(ctx, raw, n)
	if err != nil {
		return nil, false, "", clients.Unreachable(ctx, fmt.Errorf("connect %s to PostgreSQL on %s: %w", c.node.Name(), n.Name(), err))
	}
	rows, _, err := l.query(ctx, whoAmI)
	if err == nil && (len(rows) != 1 || len(rows[0]) != 2) {
		err = fmt.Errorf("%d rows, expected one of two", len(rows))
	}
	if err != nil {
		l.close()
		return nil, false, "", clients.Unreachable(ctx, fmt.Errorf("ask PostgreSQL on %s for its role: %w", n.Name(), err))
	}
	standby = string(rows[0][0]) == "t"
	level := c.isolation
	if standby && level == "serializable" { // a standby has no such level, and refuses every statement
		level = "repeatable read"
	}
	if _, _, err := l.query(ctx, "SET default_transaction_isolation = '"+level+"'"); err != nil {
		l.close()
		return nil, false, "", clients.Unreachable(ctx, fmt.Errorf("set the isolation on %s: %w", n.Name(), err))
	}
	return l, standby, string(rows[0][1]), nil
}

// dial connects to a node's server, through the client's own node when it is another.
func (c *conn) dial(ctx context.Context, n cluster.Node) (net.Conn, error) {
	from, can := c.node.(cluster.Forwarder)
	if !can || n.Name() == c.node.Name() {
		return n.Dial(ctx, port)
	}
	addrs, err := n.Peer(ctx)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", n.Name())
	}
	return from.Forward(ctx, netip.AddrPortFrom(addrs[0], port))
}

// hostOf takes the address out of primary_conninfo, the last where there are two. A rewound standby has it in quotes.
func hostOf(conninfo string) (netip.Addr, error) {
	for _, word := range slices.Backward(strings.Fields(conninfo)) {
		if v, ok := strings.CutPrefix(word, "host="); ok {
			a, err := netip.ParseAddr(strings.Trim(v, "'"))
			return a.Unmap(), err
		}
	}
	return netip.Addr{}, errors.New("it names no host")
}
