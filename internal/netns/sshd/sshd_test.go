package sshd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server on the loopback interface and logs in to it with the client that the controller uses.
func serve(t *testing.T) *ssh.Client {
	t.Helper()
	addr, user, host := server(t)
	c, err := ssh.Dial(t.Context(), ssh.Config{Node: "n1", Addr: addr, Signer: user.Signer, HostKey: host.Signer.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func server(t *testing.T) (addr string, user, host ssh.Key) {
	t.Helper()
	user, host = key(t), key(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := New(Config{HostKey: host.Signer, User: user.Signer.PublicKey(), Shell: []string{"/bin/sh", "-c"}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "WHO=me"}})
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return l.Addr().String(), user, host
}

func key(t *testing.T) ssh.Key {
	t.Helper()
	k, err := ssh.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestACommandHasItsStreamsItsEnvironmentAndItsStatus(t *testing.T) {
	c := serve(t)
	out, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"sh", "-c", "cat; echo $WHO; pwd; echo wrong >&2; exit 7"}, Stdin: strings.NewReader("in\n")})
	var exit *cluster.ExitError
	if !errors.As(err, &exit) || exit.Status != 7 || exit.Stderr != "wrong" {
		t.Fatalf("%v, expected status 7", err)
	}
	if string(out.Stdout) != "in\nme\n/\n" {
		t.Fatalf("it said %q", out.Stdout)
	}
}

func TestAllThatACommandWroteArrives(t *testing.T) {
	c := serve(t)
	for range 20 {
		out, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"head", "-c", "200000", "/dev/zero"}})
		if err != nil || len(out.Stdout) != 200000 {
			t.Fatalf("%d bytes, %v", len(out.Stdout), err)
		}
	}
}

func TestACommandInTheBackgroundDoesNotHangTheSession(t *testing.T) {
	c := serve(t)
	out, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"sh", "-c", "sleep 600 & echo $!"}})
	if err != nil {
		t.Fatalf("it was waited for: %v", err)
	}
	pid := strings.TrimSpace(string(out.Stdout))
	if _, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"kill", pid}}); err != nil {
		t.Fatalf("it does not go on: %v", err)
	}
}

func TestACommandThatIsGivenUpIsKilled(t *testing.T) {
	c := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	w := &notify{said: make(chan string, 1)}
	done := make(chan error, 1)
	go func() {
		p, err := c.Pipe(ctx, []string{"sh", "-c", "echo $$; exec sleep 600"})
		if err == nil {
			_, _ = io.Copy(w, p)
			err = p.Close()
		}
		done <- err
	}()
	pid := <-w.said
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// A channel that was closed does not end its command, as with OpenSSH; one that Exec gives up is killed by its number.
	if _, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"kill", "-9", pid}}); err != nil {
		t.Fatalf("its process is not there: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out, err := c.Exec(short, cluster.Cmd{Args: []string{"sh", "-c", "echo $$; exec sleep 600"}})
	if err == nil {
		t.Fatal("no error after the time was over")
	}
	pid = strings.TrimSpace(string(out.Stdout))
	for ctx := soon(t); pid != ""; {
		if _, err := c.Exec(ctx, cluster.Cmd{Args: []string{"kill", "-0", pid}}); err != nil {
			if ctx.Err() != nil {
				t.Fatal("the command goes on")
			}
			break
		}
	}
}

type notify struct{ said chan string }

func (n *notify) Write(p []byte) (int, error) {
	select {
	case n.said <- strings.TrimSpace(string(p)):
	default:
	}
	return len(p), nil
}

func TestASignalThatKilledACommandIsNamed(t *testing.T) {
	c := serve(t)
	_, err := c.Exec(soon(t), cluster.Cmd{Args: []string{"sh", "-c", "kill -TERM $$"}})
	if err == nil || !strings.Contains(err.Error(), "SIGTERM") {
		t.Fatalf("%v, expected SIGTERM", err)
	}
}

func TestConnectionsAreForwarded(t *testing.T) {
	c := serve(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if s, err := l.Accept(); err == nil {
			_, _ = io.Copy(s, s)
			_ = s.Close()
		}
	}()
	conn, err := c.Forward(soon(t), netip.MustParseAddrPort(l.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("echo")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4)
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "echo" {
		t.Fatalf("%q, %v", buf, err)
	}
	if _, err := c.Forward(soon(t), netip.MustParseAddrPort("127.0.0.1:1")); err == nil {
		t.Fatal("connected with a port where nobody listens")
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	addr, _, host := server(t)
	_, err := ssh.Dial(soon(t), ssh.Config{Node: "n1", Addr: addr, Signer: key(t).Signer, HostKey: host.Signer.PublicKey()})
	if !errors.Is(err, ssh.ErrKey) {
		t.Fatalf("%v, expected that the key is refused", err)
	}
}
