package etcd

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// port is where etcd listens for clients.
const port = 2379

// The objects that the driver works on, as the parameter "object" names them.
const (
	register = "register"
	set      = "set"
)

// The ways to read, as the parameter "read-mode" names them.
const (
	linearizable = "linearizable"
	serializable = "serializable"
)

// driver is what the parameters of a run say.
type driver struct {
	object       string
	serializable bool
}

// New makes the driver. Parameters: "object", register (default) or set; "read-mode", linearizable (default) or
// serializable, which answers from the node's own state and may be stale.
func New(p history.Params) (clients.Driver, error) {
	object, err := choice(p, "object", register, set)
	if err != nil {
		return nil, err
	}
	mode, err := choice(p, "read-mode", linearizable, serializable)
	if err != nil {
		return nil, err
	}
	return driver{object: object, serializable: mode == serializable}, nil
}

// choice reads a parameter that is one of two words, the first by default.
func choice(p history.Params, name, def, other string) (string, error) {
	s := p.String(name, def)
	if s != def && s != other {
		return "", fmt.Errorf("parameter %s=%q: choose from %s, %s", name, s, def, other)
	}
	return s, nil
}

// Ops lists the operations on both objects.
func (driver) Ops() []clients.OpSpec {
	return []clients.OpSpec{
		{Object: register, Name: "read", ReadOnly: true},
		{Object: register, Name: "write"},
		{Object: register, Name: "cas"},
		{Object: set, Name: "add"},
		{Object: set, Name: "read", ReadOnly: true},
	}
}

// Setup has nothing to prepare: keys come into being when they are written.
func (driver) Setup(context.Context, *cluster.Cluster, history.Params) error { return nil }

// Open makes a client for one node. It connects with the first operation, whose deadline then bounds both.
func (d driver) Open(_ context.Context, _ *cluster.Cluster, n cluster.Node, _ int32) (clients.Conn, error) {
	return open(d, config(n))
}
