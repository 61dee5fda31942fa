package ssh_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/ssh"
)

// echo is a peer of the node that says everything again.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { _, _ = io.Copy(c, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return netip.MustParseAddrPort(l.Addr().String())
}

func say(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(s))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != s {
		t.Fatalf("said %q, heard %q, %v", s, got, err)
	}
}

// A connection from the node goes both ways, keeps its deadlines, and is told from its neighbours.
func TestAForwardedConnection(t *testing.T) {
	c, _ := login(t, nil)
	to := echo(t)
	a, err := c.Forward(soon(t, time.Minute), to)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Forward(soon(t, time.Minute), to)
	if err != nil {
		t.Fatal(err)
	}
	say(t, a, "one")
	say(t, b, strings.Repeat("two", 100_000))
	say(t, a, "three")
	_ = a.SetDeadline(time.Now().Add(20 * time.Millisecond))
	var timeout net.Error
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a read past its deadline: %v", err)
	}
	_ = a.Close()
	say(t, b, "four")
	_ = b.Close()
}

// The end of the peer, and of the SSH connection, is the end of the forwarded one.
func TestAForwardedConnectionEnds(t *testing.T) {
	c, srv := login(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	a, err := c.Forward(soon(t, time.Minute), netip.MustParseAddrPort(l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = peer.Close()
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read from a peer that closed: %v", err)
	}
	b, err := c.Forward(soon(t, time.Minute), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	say(t, b, "hello")
	srv.Break()
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read over a broken connection: %v", err)
	}
	<-c.Lost()
	if _, err := c.Forward(soon(t, time.Minute), echo(t)); !errors.Is(err, ssh.ErrLost) {
		t.Errorf("forward over a lost connection: %v", err)
	}
}

// Refused by the peer, forbidden by the node, no answer from the node: each is its own sentence, in time.
func TestForwardingThatFails(t *testing.T) {
	c, srv := login(t, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := netip.MustParseAddrPort(l.Addr().String())
	_ = l.Close()
	if _, err := c.Forward(soon(t, time.Minute), nobody); err == nil || !strings.Contains(err.Error(), "connect from n1 to "+nobody.String()) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody listens: %v", err)
	}
	to := echo(t)
	srv.NoForwarding()
	if _, err := c.Forward(soon(t, time.Minute), to); err == nil || !strings.Contains(err.Error(), "AllowTcpForwarding local") {
		t.Errorf("a node that forbids it: %v", err)
	}
	srv.Hang()
	if _, err := c.Forward(soon(t, 100*time.Millisecond), to); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a node that does not answer: %v", err)
	}
}
