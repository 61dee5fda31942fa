package etcd_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/partita-dev/partita/clients"
	driver "github.com/partita-dev/partita/clients/etcd"
	"github.com/partita-dev/partita/history"
)

// wants performs an operation and compares its answer, or the code of the error that proves that nothing happened.
func wants(t *testing.T, c clients.Conn, f, key string, v, want history.Value, code string) history.Value {
	t.Helper()
	got, ext, err := do(t, c, f, key, v)
	if got != want || clients.ErrorOf(err).Code != code || (err != nil) != clients.IsNotDone(err) {
		t.Errorf("%s %s: %s %v; want %s %s", f, v.JSON(), got.JSON(), err, want.JSON(), code)
	}
	return ext
}

// A counter, ids and accounts mean on real members what their operations say, through different nodes.
func TestNumbersOnRealMembers(t *testing.T) {
	c, _ := up(t)
	pair := func(object string) (clients.Conn, clients.Conn) {
		return client(t, c, c.Nodes[0], object, "linearizable"), client(t, c, c.Nodes[1], object, "linearizable")
	}
	one, two := pair("counter")
	wants(t, one, "read", "run/c", "", "0", "")
	wants(t, one, "add", "run/c", "3", "3", "")
	wants(t, two, "add", "run/c", "4", "", "cas-mismatch") // it did not know that somebody had been there
	wants(t, two, "read", "run/c", "", "3", "")
	wants(t, two, "add", "run/c", "-4", "-4", "")
	wants(t, one, "read", "run/c", "", "-1", "")

	one, two = pair("ids")
	seen := map[history.Value]bool{}
	for i := range 10 {
		id, _, err := do(t, []clients.Conn{one, two}[i%2], "generate", "run/i", "")
		if err != nil || id.IsNil() || seen[id] {
			t.Errorf("id %s, %v", id, err)
		}
		seen[id] = true
	}

	one, two = pair("bank")
	const all = `{"0":10,"1":10,"2":10,"3":10,"4":10,"5":10,"6":10,"7":10}`
	wants(t, two, "read", "run/b", "", all, "")
	move := history.Value(`{"from":0,"to":7,"amount":6}`)
	wants(t, one, "transfer", "run/b", move, move, "")
	wants(t, one, "transfer", "run/b", move, "", "insufficient")
	wants(t, two, "transfer", "run/b", `{"from":7,"to":1,"amount":1}`, "", "cas-mismatch")
	wants(t, two, "read", "run/b", "", `{"0":4,"1":10,"2":10,"3":10,"4":10,"5":10,"6":10,"7":16}`, "")
}

// A lock has one holder, its tokens grow, a write with an old one is refused, and it outlives its client by its lease.
func TestALockOnRealMembers(t *testing.T) {
	c, _ := up(t)
	one, two := client(t, c, c.Nodes[0], "lock", "linearizable"), client(t, c, c.Nodes[1], "lock", "linearizable")
	write := func(token history.Value) history.Value { return history.Pair(token, "1") }
	first := wants(t, one, "acquire", "run/l", "", "", "")
	wants(t, two, "acquire", "run/l", "", "", "held")
	wants(t, two, "release", "run/l", "", "", "not-held")
	wants(t, one, "write", "run/l", write(first), write(first), "")
	wants(t, one, "release", "run/l", "", "", "")
	wants(t, one, "release", "run/l", "", "", "not-held")
	second := wants(t, two, "acquire", "run/l", "", "", "")
	wants(t, one, "write", "run/l", write(first), "", "fenced")
	wants(t, two, "write", "run/l", write(second), write(second), "")
	a, _ := first.Int()
	if b, ok := second.Int(); !ok || b <= a {
		t.Errorf("tokens %s and then %s", first, second)
	}
	d, err := driver.New(history.Params{"object": "lock"})
	must(t, err)
	gone, err := d.Open(t.Context(), c, c.Nodes[2], 0)
	must(t, err)
	wants(t, gone, "acquire", "run/m", "", "", "")
	must(t, gone.Close())
	wants(t, one, "acquire", "run/m", "", "", "held")
	until(t, "the lease of a client that is gone ends", func(ctx context.Context) error {
		_, _, err := one.Invoke(ctx, history.Op{F: "acquire", Key: "run/m"})
		if err != nil && clients.ErrorOf(err).Code != "held" {
			return fmt.Errorf("acquire: %w", err)
		}
		return err
	})
}

// A queue on real members gives its messages in the order in which they were made, each once, and says when it is empty.
func TestAQueueOnRealMembers(t *testing.T) {
	c, _ := up(t)
	one, two := client(t, c, c.Nodes[0], "queue", "linearizable"), client(t, c, c.Nodes[1], "queue", "serializable")
	wants(t, one, "dequeue", "run/q", "", "", "")
	for _, v := range []history.Value{"30", "4", `"a b"`} {
		wants(t, one, "enqueue", "run/q", v, v, "")
	}
	wants(t, two, "enqueue", "run/q", "4", "", "waits")
	for i, v := range []history.Value{"30", "4", `"a b"`, ""} {
		wants(t, []clients.Conn{one, two}[i%2], "dequeue", "run/q", "", v, "")
	}
	wants(t, two, "enqueue", "run/q", "4", "4", "")
	wants(t, two, "dequeue", "run/q2", "", "", "")
}
