package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"golang.org/x/crypto/ssh"
)

// Forward connects from the node to an address that the node can reach (direct-tcpip; its sshd must allow it). The
// connection has deadlines, and ends with c at the latest.
func (c *Client) Forward(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if c.lost() {
		return nil, fmt.Errorf("connect from %s to %s: %w", c.node, to, ErrLost)
	}
	type dialled struct {
		conn net.Conn
		err  error
	}
	got := make(chan dialled)
	c.work.Go(func() {
		conn, err := c.ssh.Dial("tcp", to.String())
		select {
		case got <- dialled{conn, err}:
		case <-ctx.Done(): // nobody waits any more: a late connection is nobody's
			if err == nil {
				_ = conn.Close()
			}
		}
	})
	select {
	case d := <-got:
		if d.err != nil {
			return nil, c.forwardError(to, d.err)
		}
		return c.bridge(d.conn), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("connect from %s to %s: %w", c.node, to, ctx.Err())
	}
}

func (c *Client) forwardError(to netip.AddrPort, err error) error {
	var refused *ssh.OpenChannelError
	if errors.As(err, &refused) && refused.Reason == ssh.Prohibited {
		return fmt.Errorf("connect from %s to %s: %w: its sshd needs AllowTcpForwarding local", c.node, to, err)
	}
	if c.lost() {
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	return fmt.Errorf("connect from %s to %s: %w", c.node, to, err)
}

// bridge gives the channel deadlines, which it has none of its own, by putting a pipe before it.
func (c *Client) bridge(channel net.Conn) net.Conn {
	near, far := net.Pipe()
	c.work.Go(func() {
		_, _ = io.Copy(channel, far) // ends when either side is closed, which is all that it could say
		_ = channel.Close()
		_ = far.Close()
	})
	c.work.Go(func() {
		_, _ = io.Copy(far, channel)
		_ = far.Close()
	})
	return near
}
