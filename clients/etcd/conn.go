package etcd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// root is where every key of Partita's lies; the workload puts the run's id behind it.
const root = "/partita/"

// conn is one process's client.
type conn struct {
	driver
	client *clientv3.Client
	seen   map[string]entry // what is known of numbers that are changed by comparing them
	locker
}

func open(d driver, cfg clientv3.Config) (*conn, error) {
	c, err := clientv3.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("make a client for etcd on %s: %w", strings.TrimPrefix(cfg.Endpoints[0], "http://"), err)
	}
	return &conn{driver: d, client: c, seen: map[string]entry{}, locker: locker{tokens: map[string]int64{}}}, nil
}

// Close closes the connection and ends what the client runs.
func (c *conn) Close() error {
	if err := c.client.Close(); err != nil {
		return fmt.Errorf("close the client for etcd: %w", err)
	}
	return nil
}

// Invoke sends one request, an acquire without a lease another one before. The ext of an answer is the store's revision,
// which is the operation's own for an effect, and with it, for the read of a register that is there, the revision in which
// its value was written. The ext of an acquire is its fencing token.
func (c *conn) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	do := c.find(op.F)
	if do == nil {
		return "", "", clients.BadOp("etcd has no operation %q on a %s", op.F, c.object)
	}
	return perform(ctx, op, do)
}

// perform does an operation and says what its error proves.
func perform(ctx context.Context, op history.Op, do func(context.Context, history.Op) (history.Value, extra, error)) (value, ext history.Value, err error) {
	ctx, call := watched(ctx)
	value, e, err := do(ctx, op)
	switch {
	case err == nil:
		return value, e.ext(), nil
	case clients.IsNotDone(err):
		return "", "", err
	}
	return "", "", classify(ctx, err, call.unsent())
}

// extra is what the server says beside a value.
type extra struct {
	Revision int64 `json:"revision"`
	Mod      int64 `json:"mod,omitempty"`
	token    int64
}

func (e extra) ext() history.Value {
	if e.token > 0 {
		return history.Int(e.token)
	}
	return history.Of(e)
}

func (c *conn) find(f string) func(context.Context, history.Op) (history.Value, extra, error) {
	switch c.object + " " + f {
	case "register read":
		return c.read
	case "register write":
		return c.write
	case "register cas":
		return c.cas
	case "set add":
		return c.add
	case "set read":
		return c.readSet
	case "counter add":
		return c.count
	case "counter read":
		return c.readCounter
	case "ids generate":
		return c.generate
	case "bank transfer":
		return c.transfer
	case "bank read":
		return c.readBank
	case "queue enqueue":
		return c.enqueue
	case "queue dequeue":
		return c.dequeue
	case "lock acquire":
		return c.acquire
	case "lock release":
		return c.release
	case "lock write":
		return c.guarded
	}
	return nil
}

func (c *conn) readOptions(more ...clientv3.OpOption) []clientv3.OpOption {
	if c.serializable {
		more = append(more, clientv3.WithSerializable())
	}
	return more
}

// read gives the register's value, nil when it was never written.
func (c *conn) read(ctx context.Context, op history.Op) (history.Value, extra, error) {
	r, err := c.client.Get(ctx, root+op.Key, c.readOptions()...)
	if err != nil {
		return "", extra{}, err
	}
	e := extra{Revision: r.Header.GetRevision()}
	if len(r.Kvs) == 0 {
		return "", e, nil
	}
	e.Mod = r.Kvs[0].ModRevision
	return stored(r.Kvs[0].Value), e, nil
}

// stored makes a value of what the store holds. What is not JSON was not written by us: it is kept as a string,
// so that a checker sees it and the history stays readable.
func stored(b []byte) history.Value {
	var compact bytes.Buffer
	if err := json.Compact(&compact, b); err != nil {
		return history.Str(string(b))
	}
	return history.Value(compact.String())
}

// text is a value as the store holds it: compact, so that a cas compares values and not their spacing.
func text(v history.Value) string { return string(stored([]byte(v.JSON()))) }

// write puts a value. Nil is refused: it stands for a register that was never written.
func (c *conn) write(ctx context.Context, op history.Op) (history.Value, extra, error) {
	if op.Value.IsNil() {
		return "", extra{}, clients.BadOp("write of nothing to %q", op.Key)
	}
	r, err := c.client.Put(ctx, root+op.Key, text(op.Value))
	if err != nil {
		return "", extra{}, err
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}

// cas writes the second of two values if the register holds the first; nil as the first: if it was never written.
func (c *conn) cas(ctx context.Context, op history.Op) (history.Value, extra, error) {
	from, to, ok := op.Value.Pair()
	if !ok || to.IsNil() {
		return "", extra{}, clients.BadOp("cas of %q with %s: expected [from,to]", op.Key, op.Value.JSON())
	}
	key := root + op.Key
	compare := clientv3.Compare(clientv3.Value(key), "=", text(from))
	if from.IsNil() {
		compare = clientv3.Compare(clientv3.Version(key), "=", 0)
	}
	r, err := c.client.Txn(ctx).If(compare).Then(clientv3.OpPut(key, text(to))).Commit()
	if err != nil {
		return "", extra{}, err
	}
	if !r.Succeeded {
		return "", extra{}, errMismatch
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}

// add puts an element, a whole number, into the set: a key of its own.
func (c *conn) add(ctx context.Context, op history.Op) (history.Value, extra, error) {
	n, ok := op.Value.Int()
	if !ok {
		return "", extra{}, clients.BadOp("add of %s to %q: expected a whole number", op.Value.JSON(), op.Key)
	}
	element := history.Int(n)
	r, err := c.client.Put(ctx, elements(op.Key)+string(element), element.JSON())
	if err != nil {
		return "", extra{}, err
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}

func elements(key string) string { return root + key + "/" }

// readSet lists the elements: numbers in their order, then what we did not write, as strings.
func (c *conn) readSet(ctx context.Context, op history.Op) (history.Value, extra, error) {
	prefix := elements(op.Key)
	r, err := c.client.Get(ctx, prefix, c.readOptions(clientv3.WithPrefix(), clientv3.WithKeysOnly())...)
	if err != nil {
		return "", extra{}, err
	}
	vs := make([]history.Value, len(r.Kvs))
	for i, kv := range r.Kvs {
		name := strings.TrimPrefix(string(kv.Key), prefix)
		vs[i] = history.Value(name)
		if n, ok := vs[i].Int(); !ok || history.Int(n) != vs[i] {
			vs[i] = history.Str(name)
		}
	}
	slices.SortFunc(vs, func(a, b history.Value) int {
		n, isN := a.Int()
		m, isM := b.Int()
		switch {
		case isN && isM:
			return cmp.Compare(n, m)
		case isN != isM && isN:
			return -1
		case isN != isM:
			return 1
		}
		return cmp.Compare(a, b)
	})
	return history.List(vs...), extra{Revision: r.Header.GetRevision()}, nil
}
