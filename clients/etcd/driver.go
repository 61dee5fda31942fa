package etcd

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	counter  = "counter"
	ids      = "ids"
	bank     = "bank"
	lock     = "lock"
	queue    = "queue"
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
	accounts     int   // of a bank
	balance      int64 // what each of them has before it is touched
}

// New makes the driver. Parameters: "object", register (default), set, counter, ids, bank, lock or queue; "read-mode", linearizable
// (default) or serializable, which answers from the node's own state and may be stale; of a bank "accounts" (8) and
// "balance" (10).
func New(p history.Params) (clients.Driver, error) {
	object, err := choice(p, "object", register, set, counter, ids, bank, lock, queue)
	if err != nil {
		return nil, err
	}
	mode, err := choice(p, "read-mode", linearizable, serializable)
	if err != nil {
		return nil, err
	}
	accounts, err := p.Int("accounts", 8)
	if err != nil {
		return nil, err
	}
	balance, err := p.Int("balance", 10)
	if err != nil {
		return nil, err
	}
	if accounts < 1 {
		return nil, fmt.Errorf("parameter accounts=%d: expected 1 or more", accounts)
	}
	return driver{object: object, serializable: mode == serializable, accounts: accounts, balance: int64(balance)}, nil
}

// choice reads a parameter that is one of some words, the first by default.
func choice(p history.Params, name string, words ...string) (string, error) {
	s := p.String(name, words[0])
	if !slices.Contains(words, s) {
		return "", fmt.Errorf("parameter %s=%q: choose from %s", name, s, strings.Join(words, ", "))
	}
	return s, nil
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
		{Object: bank, Name: "transfer"},
		{Object: bank, Name: "read", ReadOnly: true},
		{Object: lock, Name: "acquire"},
		{Object: lock, Name: "release"},
		{Object: lock, Name: "write"},
		{Object: queue, Name: "enqueue"},
		{Object: queue, Name: "dequeue"},
	}
}

// Setup has nothing to prepare: keys come into being when they are written.
func (driver) Setup(context.Context, *cluster.Cluster, history.Params) error { return nil }

// Open makes a client for one node. It connects with the first operation, whose deadline then bounds both.
func (d driver) Open(_ context.Context, _ *cluster.Cluster, n cluster.Node, _ int32) (clients.Conn, error) {
	return open(d, config(n))
}
