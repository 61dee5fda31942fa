package etcd

import (
	"context"
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/history"
)

// A comparison that fails writes nothing and is not tried again; what it found is where the next one begins.
func TestAFailedComparisonBringsWhatIsThere(t *testing.T) {
	p := newPeer(t)
	c, err := driverFor(t, history.Params{"object": counter}).Open(t.Context(), nil, clienttest.NewProxy(t, p.addr).Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	add := func(n int, want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
		defer cancel()
		_, _, err := c.Invoke(ctx, history.Op{F: "add", Key: "k", Value: number(n)})
		if code(err) != want || (err != nil) != clients.IsNotDone(err) {
			t.Errorf("add %d: %v, want %q", n, err, want)
		}
	}
	change := func(f func()) {
		p.mu.Lock()
		defer p.mu.Unlock()
		f()
	}
	add(5, "")
	change(func() { p.refuse, p.data[root+"k"] = true, "100" }) // somebody else was here
	add(1, "cas-mismatch")
	if n := p.count(); n != 1 {
		t.Errorf("%d effects", n)
	}
	change(func() { p.refuse = false })
	add(2, "")
	change(func() {
		if got := p.data[root+"k"]; got != "102" {
			t.Errorf("the counter is %s", got)
		}
	})
	change(func() { p.refuse, p.data[root+"k"] = true, "no number" })
	add(1, "bad-op")
}

// Without a lease the lock is never asked for, so that whatever became of the lease is proof.
func TestALockWithoutALeaseIsNotAskedFor(t *testing.T) {
	p := newPeer(t)
	p.grant = rpctypes.ErrGRPCNoLeader
	c, err := driverFor(t, history.Params{"object": lock}).Open(t.Context(), nil, clienttest.NewProxy(t, p.addr).Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	do := func(f string) error {
		ctx, cancel := context.WithTimeout(t.Context(), clienttest.Patience)
		defer cancel()
		_, _, err := c.Invoke(ctx, history.Op{F: f, Key: "k"})
		return err
	}
	if err := do("acquire"); !clients.IsNotDone(err) || code(err) != "not-sent" || !errors.Is(err, rpctypes.ErrNoLeader) {
		t.Errorf("no lease: %v", err)
	}
	if err := do("release"); !clients.IsNotDone(err) || code(err) != "not-held" {
		t.Errorf("release of a lock that was never asked for: %v", err)
	}
	p.mu.Lock()
	p.grant = nil
	p.mu.Unlock()
	for _, f := range []string{"acquire", "release", "acquire"} {
		if err := do(f); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.effects != 3 || p.leases != 2 {
		t.Errorf("%d effects, %d leases asked for", p.effects, p.leases)
	}
}
