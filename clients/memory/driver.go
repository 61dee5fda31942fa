package memory

import (
	"context"
	"errors"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// Fault is how one operation goes wrong. The zero Fault is none.
type Fault struct {
	Late   time.Duration // the answer comes so much later, or the operation's time is over first
	Hang   bool          // no answer comes; the operation ends with its context
	Ignore bool          // with Late or Hang: the context is ignored, and a Hang lasts until Driver.Release is closed
	Panic  bool
	Err    error         // this is answered instead
	Lost   bool          // with Err, Hang, Panic: the operation is carried out before
	Value  history.Value // this is answered instead of what is true
}

// Driver reaches a Store. Its functions may be nil; they are called by many goroutines.
type Driver struct {
	Store  *Store
	Object string // "register" when empty
	// Fault chooses how an operation goes wrong.
	Fault func(node string, op history.Op) Fault
	// Opening fails or delays opening a connection.
	Opening func(ctx context.Context, node string, process int32) error
	// Release ends the operations that ignore their context; nil: never.
	Release <-chan struct{}
}

// New gives a driver for an object ("register", "set", "counter", "ids", "bank", "lock", "queue", "stack", "log", "list-append", "rw-register") of a new store.
func New(object string) *Driver { return &Driver{Store: NewStore(), Object: object} }

// Ops lists what a store can do.
func (*Driver) Ops() []clients.OpSpec {
	return []clients.OpSpec{
		{Object: "register", Name: "read", ReadOnly: true}, {Object: "register", Name: "write"}, {Object: "register", Name: "cas"},
		{Object: "register", Name: "delete"},
		{Object: "set", Name: "read", ReadOnly: true}, {Object: "set", Name: "add"},
		{Object: "counter", Name: "read", ReadOnly: true}, {Object: "counter", Name: "add"},
		{Object: "ids", Name: "generate"},
		{Object: "bank", Name: "read", ReadOnly: true}, {Object: "bank", Name: "transfer"},
		{Object: "lock", Name: "acquire"}, {Object: "lock", Name: "release"}, {Object: "lock", Name: "write"},
		{Object: "queue", Name: "enqueue"}, {Object: "queue", Name: "dequeue"}, {Object: "stack", Name: "push"}, {Object: "stack", Name: "pop"},
		{Object: "log", Name: "send"}, {Object: "log", Name: "poll", ReadOnly: true}, {Object: "log", Name: "assign", ReadOnly: true},
		{Object: "list-append", Name: "txn"}, {Object: "rw-register", Name: "txn"},
	}
}

// Setup has nothing to do.
func (*Driver) Setup(context.Context, *cluster.Cluster, history.Params) error { return nil }

// Open gives a connection; cluster and node may be nil.
func (d *Driver) Open(ctx context.Context, _ *cluster.Cluster, n cluster.Node, process int32) (clients.Conn, error) {
	c := &conn{d: d}
	if n != nil {
		c.node = n.Name()
	}
	if d.Opening != nil {
		if err := d.Opening(ctx, c.node, process); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type conn struct {
	d    *Driver
	node string
}

func (*conn) Close() error { return nil }

func (c *conn) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	object := c.d.Object
	if object == "" {
		object = "register"
	}
	var f Fault
	if c.d.Fault != nil {
		f = c.d.Fault(c.node, op)
	}
	bad := f.Err != nil || f.Hang || f.Panic
	if !bad || f.Lost {
		value, ext, err = c.d.Store.do(object, op)
	}
	if f.Hang || f.Late > 0 {
		if end := c.wait(ctx, f); end != nil {
			return "", "", end
		}
	}
	switch {
	case f.Panic:
		panic("memory: a client that panics")
	case f.Err != nil:
		return "", "", f.Err
	case f.Value != "":
		return f.Value, "", nil
	}
	return value, ext, err
}

// errReleased ends an operation that ignored its context.
var errReleased = errors.New("no answer ever came")

// wait is as long as the fault says.
func (c *conn) wait(ctx context.Context, f Fault) error {
	over := ctx.Done()
	if f.Ignore {
		over = nil
	}
	var late <-chan time.Time
	if !f.Hang {
		t := time.NewTimer(f.Late)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-late:
		return nil
	case <-over:
		return ctx.Err()
	case <-c.d.Release:
		return errReleased
	}
}
