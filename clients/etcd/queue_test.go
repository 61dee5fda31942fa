package etcd

import (
	"context"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/clienttest"
	"github.com/partita-dev/partita/history"
)

// looked is a connection that has looked at the first message before, so that a dequeue is its removal alone.
type looked struct{ *conn }

func (l looked) Invoke(ctx context.Context, op history.Op) (history.Value, history.Value, error) {
	return perform(ctx, op, func(ctx context.Context, _ history.Op) (history.Value, extra, error) {
		return l.remove(ctx, &mvccpb.KeyValue{Key: []byte(elements(op.Key) + first), Value: []byte(first), CreateRevision: 1})
	})
}

// The removal is an effect of its own: when it gets no answer nobody knows, and it is not sent again.
func TestARemovalWithoutAnAnswer(t *testing.T) {
	p := newPeer(t)
	c, err := driverFor(t, history.Params{"object": queue}).Open(t.Context(), nil, clienttest.NewProxy(t, p.addr).Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	do := func(patience time.Duration, f string, v history.Value) (history.Value, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		v, _, err := c.Invoke(ctx, history.Op{F: f, Key: "k", Value: v})
		return v, err
	}
	if v, err := do(clienttest.Patience, "dequeue", ""); v != first || err != nil {
		t.Errorf("dequeue: %s, %v", v, err)
	}
	p.answers(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	for _, f := range []string{"dequeue", "enqueue"} {
		before := p.count()
		if _, err := do(300*time.Millisecond, f, "5"); err == nil || clients.IsNotDone(err) || p.count() != before+1 {
			t.Errorf("%s without an answer: NotDone %v, %d effects: %v", f, clients.IsNotDone(err), p.count()-before, err)
		}
	}
	p.answers(nil)
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	for f, want := range map[string]string{"dequeue": "taken", "enqueue": "waits"} {
		if _, err := do(clienttest.Patience, f, "6"); !clients.IsNotDone(err) || code(err) != want {
			t.Errorf("%s that is refused: %v", f, err)
		}
	}
	// The look before it takes nothing, whatever becomes of it.
	proxied := clienttest.NewProxy(t, p.addr)
	proxied.Stall()
	other, err := driverFor(t, history.Params{"object": queue}).Open(t.Context(), nil, proxied.Node("n1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := other.Invoke(ctx, history.Op{F: "dequeue", Key: "k"}); !clients.IsNotDone(err) {
		t.Errorf("a look without an answer: %v", err)
	}
	if _, err := do(clienttest.Patience, "enqueue", ""); !clients.IsNotDone(err) || code(err) != "bad-op" {
		t.Errorf("enqueue of nothing: %v", err)
	}
	if p.count() != 3 {
		t.Errorf("%d effects", p.count())
	}
}
