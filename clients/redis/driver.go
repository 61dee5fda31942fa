package redis

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// The objects that the driver works on, as the parameter "object" names them.
const (
	register = "register"
	set      = "set"
	counter  = "counter"
	ids      = "ids"
	queue    = "queue"
)

// driver is what the parameters of a run say.
type driver struct {
	object string
	wait   int                  // how many replicas must have an effect before it is ok
	link   func(net.Conn) *link // newLink, but for the test that shows what it is good for
}

// New makes the driver. Parameters: "object", register (default), set, counter, ids or queue; "wait", how many replicas must have
// acknowledged an effect before it is ok (0).
func New(p history.Params) (clients.Driver, error) {
	object, objects := p.String("object", register), []string{register, set, counter, ids, queue}
	if !slices.Contains(objects, object) {
		return nil, fmt.Errorf("parameter object=%q: choose from %s", object, strings.Join(objects, ", "))
	}
	wait, err := p.Int("wait", 0)
	if err != nil {
		return nil, err
	}
	if wait < 0 {
		return nil, fmt.Errorf("parameter wait=%d: expected 0 or more replicas", wait)
	}
	return driver{object: object, wait: wait, link: newLink}, nil
}

// Ops lists the operations on all objects.
func (driver) Ops() []clients.OpSpec {
	return []clients.OpSpec{
		{Object: register, Name: "read", ReadOnly: true},
		{Object: register, Name: "write"},
		{Object: register, Name: "cas"},
		{Object: set, Name: "add"},
		{Object: set, Name: "read", ReadOnly: true},
		{Object: counter, Name: "add"},
		{Object: counter, Name: "read", ReadOnly: true},
		{Object: ids, Name: "generate"},
		{Object: queue, Name: "enqueue"},
		{Object: queue, Name: "dequeue"},
	}
}

// Setup has nothing to prepare: keys come into being when they are written.
func (driver) Setup(context.Context, *cluster.Cluster, history.Params) error { return nil }

// Open makes a client of one node. It connects with the first operation, whose deadline then bounds both.
func (d driver) Open(_ context.Context, c *cluster.Cluster, n cluster.Node, _ int32) (clients.Conn, error) {
	return &conn{driver: d, cluster: c, node: n}, nil
}
