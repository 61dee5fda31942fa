package redis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// root is before every key of Partita's; the workload puts the run's id behind it.
const root = "partita:"

// conn is one process's client on one node.
type conn struct {
	driver
	cluster *cluster.Cluster
	node    cluster.Node

	primary *link  // nil: to be found and connected to
	name    string // the node that it is
}

// Close closes the connection, if there is one.
func (c *conn) Close() error {
	c.drop()
	return nil
}

// drop gives the connection up; the next operation asks Sentinel anew.
func (c *conn) drop() {
	if c.primary != nil {
		c.primary.close()
		c.primary = nil
	}
}

// extra is what is known beside a value.
type extra struct {
	Primary  string `json:"primary"`            // the node that answered
	Replicas int64  `json:"replicas,omitempty"` // how many replicas acknowledged the effect, when they were waited for
}

// Invoke performs one operation on the primary. The ext of an answer names the node that gave it.
func (c *conn) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	do := c.find(op.F)
	if do == nil {
		return "", "", clients.BadOp("Redis has no operation %q on a %s", op.F, c.object)
	}
	if c.primary == nil {
		if c.primary, c.name, err = c.connect(ctx); err != nil {
			return "", "", err
		}
	}
	e := extra{Primary: c.name}
	release := c.primary.guard(ctx)
	value, err = do(ctx, op, &e)
	if whole := release(); !whole || err != nil && !errors.Is(err, errMismatch) {
		c.drop()
	}
	switch {
	case err == nil:
		return value, history.Of(e), nil
	case clients.IsNotDone(err):
		return "", "", err
	}
	return "", "", classify(ctx, err)
}

func (c *conn) find(f string) func(context.Context, history.Op, *extra) (history.Value, error) {
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
	case "queue enqueue":
		return c.enqueue
	case "queue dequeue":
		return c.dequeue
	}
	return nil
}

// stored makes a value of what the store holds. What is not JSON was not written by us: it is kept as a string,
// so that a checker sees it and the history stays readable.
func stored(s string) history.Value {
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(s)); err != nil {
		return history.Str(s)
	}
	return history.Value(compact.String())
}

// text is a value as the store holds it: compact, so that a cas compares values and not their spacing.
func text(v history.Value) string { return string(stored(v.JSON())) }

// read gives the register's value, nil when it was never written.
func (c *conn) read(ctx context.Context, op history.Op, _ *extra) (history.Value, error) {
	s, err := c.primary.Do(ctx, "GET", root+op.Key).Text()
	if errors.Is(err, goredis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return stored(s), nil
}

// write sets a value. Nil is refused: it stands for a register that was never written.
func (c *conn) write(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	if op.Value.IsNil() {
		return "", clients.BadOp("write of nothing to %q", op.Key)
	}
	if err := c.primary.Do(ctx, "SET", root+op.Key, text(op.Value)).Err(); err != nil {
		return "", refused(err)
	}
	return op.Value, c.replicated(ctx, e)
}

// compareAndSet writes ARGV[3] if the key holds ARGV[2] or, without one (ARGV[1] is "0"), if it is not there.
const compareAndSet = `
local held = redis.call('GET', KEYS[1])
if ARGV[1] == '0' and held or ARGV[1] == '1' and held ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3])
return 1`

// cas writes the second of two values if the register holds the first; nil as the first: if it was never written.
func (c *conn) cas(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	from, to, ok := op.Value.Pair()
	if !ok || to.IsNil() {
		return "", clients.BadOp("cas of %q with %s: expected [from,to]", op.Key, op.Value.JSON())
	}
	there := "1"
	if from.IsNil() {
		there = "0"
	}
	done, err := c.primary.Do(ctx, "EVAL", compareAndSet, 1, root+op.Key, there, text(from), text(to)).Int()
	switch {
	case err != nil:
		return "", refused(err)
	case done == 0:
		return "", errMismatch
	}
	return op.Value, c.replicated(ctx, e)
}

// add puts an element, a whole number, into the set.
func (c *conn) add(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	n, ok := op.Value.Int()
	if !ok {
		return "", clients.BadOp("add of %s to %q: expected a whole number", op.Value.JSON(), op.Key)
	}
	if err := c.primary.Do(ctx, "SADD", root+op.Key, n).Err(); err != nil {
		return "", refused(err)
	}
	return op.Value, c.replicated(ctx, e)
}

// replicated waits until the wished number of replicas acknowledged the effect before it on this connection. That
// they did not proves nothing: the primary has it, and replicas may get it yet.
func (c *conn) replicated(ctx context.Context, e *extra) error {
	if c.wait == 0 {
		return nil
	}
	n, err := c.primary.Do(ctx, "WAIT", c.wait, patience(ctx).Milliseconds()).Int64()
	if err != nil {
		return fmt.Errorf("wait for %d replicas: %w", c.wait, err)
	}
	if n < int64(c.wait) {
		return clients.Coded("wait-short", fmt.Errorf("%d of %d replicas acknowledged in time", n, c.wait))
	}
	e.Replicas = n
	return nil
}

// patience is how long WAIT may take: most of what is left, so that its answer comes before the deadline.
func patience(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Second
	}
	return max(time.Until(end)*4/5, time.Millisecond) // 0 would mean for ever
}

// readSet lists the elements: numbers in their order, then what we did not write, as strings.
func (c *conn) readSet(ctx context.Context, op history.Op, _ *extra) (history.Value, error) {
	members, err := c.primary.Do(ctx, "SMEMBERS", root+op.Key).StringSlice()
	if err != nil {
		return "", err
	}
	type element struct {
		v      history.Value
		n      int64
		number bool
	}
	es := make([]element, len(members))
	for i, m := range members {
		v := history.Value(m)
		n, ok := v.Int()
		if ok = ok && history.Int(n) == v; !ok {
			v, n = history.Str(m), 0
		}
		es[i] = element{v, n, ok}
	}
	slices.SortFunc(es, func(a, b element) int {
		switch {
		case a.number != b.number && a.number:
			return -1
		case a.number != b.number:
			return 1
		}
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.v, b.v))
	})
	vs := make([]history.Value, len(es))
	for i, e := range es {
		vs[i] = e.v
	}
	return history.List(vs...), nil
}
