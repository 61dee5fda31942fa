package remote

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/ssh"
	"github.com/partita-dev/partita/internal/ssh/sshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// machine is a server and what is needed to log in to it. The agent's part is tested with real nodes, in docker.
func machine(t *testing.T) (*sshtest.Server, Config) {
	t.Helper()
	user, err := ssh.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	srv := sshtest.Start(t, host.Signer, user.Signer.PublicKey())
	return srv, Config{SSH: ssh.Config{Node: "n1", Addr: srv.Addr, Signer: user.Signer, HostKey: host.Signer.PublicKey()}}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestALostConnectionIsMadeAnew(t *testing.T) {
	srv, cfg := machine(t)
	n := &Node{cfg: cfg, turn: make(chan struct{}, 1)}
	defer func() { _ = n.Close(false) }()
	ctx := within(t, time.Minute)
	if _, err := n.Exec(ctx, cluster.Cmd{Args: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	first := n.ssh
	srv.Break()
	<-first.Lost()
	if _, err := n.Exec(ctx, cluster.Cmd{Args: []string{"true"}}); err != nil {
		t.Fatalf("after the connection broke: %v", err)
	}
	if n.ssh == first {
		t.Fatal("the same connection")
	}
	if err := n.Close(false); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Exec(ctx, cluster.Cmd{Args: []string{"true"}}); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: got %v", err)
	}
}

// A call waits for another's reconnecting no longer than its own deadline.
func TestAReconnectHoldsNobodyPastHisDeadline(t *testing.T) {
	_, cfg := machine(t)
	dialling := make(chan struct{}, 10)
	cfg.SSH.Dial = func(ctx context.Context) (net.Conn, error) {
		dialling <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := &Node{cfg: cfg, turn: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := n.Exec(ctx, cluster.Cmd{Args: []string{"true"}})
		done <- err
	}()
	<-dialling
	if _, err := n.Exec(within(t, 100*time.Millisecond), cluster.Cmd{Args: []string{"true"}}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "n1") {
		t.Errorf("got %v", err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("a command that was cancelled while it waited for a connection ended well")
	}
}

func TestAttachKnocksUntilThePortOpensOrItsTimeIsOver(t *testing.T) {
	_, cfg := machine(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	cfg.SSH.Addr = closed.Addr().String()
	tries := 0
	cfg.SSH.Dial = func(ctx context.Context) (net.Conn, error) {
		tries++
		return (&net.Dialer{}).DialContext(ctx, "tcp", cfg.SSH.Addr)
	}
	if _, err := Attach(within(t, 400*time.Millisecond), cfg); !errors.Is(err, ssh.ErrUnreachable) || tries < 3 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestAttachDoesNotKnockAgainWithAKeyThatWasRefused(t *testing.T) {
	_, cfg := machine(t)
	_, other := machine(t)
	for want, change := range map[error]func(*Config){
		ssh.ErrKey:     func(c *Config) { c.SSH.Signer = other.SSH.Signer },
		ssh.ErrHostKey: func(c *Config) { c.SSH.HostKey = other.SSH.HostKey },
	} {
		c, tries := cfg, 0
		c.SSH.Dial = func(ctx context.Context) (net.Conn, error) {
			tries++
			return (&net.Dialer{}).DialContext(ctx, "tcp", c.SSH.Addr)
		}
		change(&c)
		if _, err := Attach(within(t, time.Minute), c); !errors.Is(err, want) || tries != 1 {
			t.Errorf("want %v at once, got %v after %d tries", want, err, tries)
		}
	}
	cfg.SSH.Node = "../n1"
	if _, err := Attach(within(t, time.Minute), cfg); err == nil {
		t.Error("a name with a path in it was taken")
	}
}
