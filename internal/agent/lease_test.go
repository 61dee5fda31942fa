package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// leased runs a lease in a world whose time jumps, and counts how often it undoes.
func leased(t *testing.T, undo func() error) (l *lease, undone *atomic.Int32) {
	t.Helper()
	undone = new(atomic.Int32)
	l = newLease(filepath.Join(t.TempDir(), "lease.json"), func(context.Context) error {
		undone.Add(1)
		return undo()
	}, quiet())
	run(t, l)
	return l, undone
}

func run(t *testing.T, l *lease) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { l.run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func take(t *testing.T, l *lease, holder string) uint64 {
	t.Helper()
	token, err := l.take(holder, 0)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestALeaseThatIsRenewedHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, undone := leased(t, func() error { return nil })
		token := take(t, l, "run-1")
		for range 10 {
			time.Sleep(DefaultLease - time.Millisecond)
			if !l.renew(token) {
				t.Fatal("not renewed")
			}
		}
		if undone.Load() != 0 {
			t.Fatal("undone under a living controller")
		}
		time.Sleep(DefaultLease + time.Millisecond)
		synctest.Wait()
		if undone.Load() != 1 || l.renew(token) {
			t.Fatalf("a lost controller: undone %d times", undone.Load())
		}
		if holder, _ := l.held(); holder != "" {
			t.Errorf("still held by %s", holder)
		}
		if err := l.breaking(token, func() error { return errors.New("done") }); !errors.Is(err, ErrLease) {
			t.Errorf("something was broken after the lease: %v", err)
		}
		if token2 := take(t, l, "run-1"); token2 == token {
			t.Error("a new lease has the old token")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if undone.Load() != 2 {
			t.Errorf("undone %d times for two leases", undone.Load())
		}
	})
}

func TestTheSecondHolderIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, undone := leased(t, func() error { return nil })
		first := take(t, l, "run-1")
		if _, err := l.take("run-2", 0); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "run-1") {
			t.Errorf("the second: %v", err)
		}
		if again := take(t, l, "run-1"); again != first {
			t.Error("the same holder got another lease")
		}
		if err := l.clear(t.Context(), first); err != nil || !l.renew(first) {
			t.Errorf("its own healing took the lease: %v", err)
		}
		if err := l.clear(t.Context(), 0); err != nil || l.renew(first) || undone.Load() != 2 {
			t.Errorf("another's healing left the lease: %v", err)
		}
		second := take(t, l, "run-2")
		l.drop(first) // of a lease that is over: nothing
		if !l.renew(second) {
			t.Error("an old token dropped a new lease")
		}
		l.drop(second)
		take(t, l, "run-3")
		for _, bad := range []time.Duration{time.Millisecond, time.Hour, -1} {
			if _, err := l.take("run-3", bad); err == nil {
				t.Errorf("a lease of %v was given", bad)
			}
		}
		if _, err := l.take("../x", 0); err == nil {
			t.Error("a bad name was taken")
		}
	})
}

func TestWhatCannotBeUndoneIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := new(atomic.Bool)
		broken.Store(true)
		l, undone := leased(t, func() error {
			if broken.Load() {
				return errors.New("no iptables")
			}
			return nil
		})
		take(t, l, "run-1")
		time.Sleep(DefaultLease + 5*time.Second + time.Millisecond)
		synctest.Wait()
		if n := undone.Load(); n != 6 {
			t.Errorf("tried %d times", n)
		}
		if _, err := l.take("run-2", 0); !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "no iptables") {
			t.Errorf("a node that is still broken was given away: %v", err)
		}
		broken.Store(false)
		time.Sleep(undoAgain)
		synctest.Wait()
		take(t, l, "run-2")
	})
}

func TestALeaseOutlivesItsAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := leased(t, func() error { return nil })
		take(t, l, "run-1")
		var undone atomic.Int32
		next := newLease(l.path, func(context.Context) error { undone.Add(1); return nil }, quiet())
		run(t, next)
		if holder, left := next.held(); holder != "run-1" || left != DefaultLease {
			t.Errorf("held by %q for %v", holder, left)
		}
		time.Sleep(DefaultLease + time.Millisecond)
		synctest.Wait()
		if undone.Load() != 1 {
			t.Error("what the old agent's controller left was not undone")
		}
		if _, err := os.Stat(l.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the lease's file is left: %v", err)
		}
		for _, text := range []string{"", "{", `{"holder":"../x","length":1}`} {
			if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if holder, _ := newLease(l.path, nil, quiet()).held(); holder != "unknown" {
				t.Errorf("%q: somebody held it, but %q does now", text, holder)
			}
		}
	})
}
