package sample

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// Driver reaches the replicas of a store.
type Driver struct{ object string }

// NewDriver makes a driver for the object that the parameters name. A bug that nobody knows is refused.
func NewDriver(p history.Params) (clients.Driver, error) {
	if _, err := stepsOf(p.String("bug", "")); err != nil {
		return nil, err
	}
	return &Driver{object: p.String("object", "register")}, nil
}

// Ops lists what the store can do.
func (*Driver) Ops() []clients.OpSpec { return Ops() }

// Setup has nothing to do.
func (*Driver) Setup(context.Context, *cluster.Cluster, history.Params) error { return nil }

// Open connects to a replica that runs.
func (d *Driver) Open(_ context.Context, _ *cluster.Cluster, n cluster.Node, _ int32) (clients.Conn, error) {
	x, ok := n.(*node)
	if !ok {
		return nil, fmt.Errorf("connect to %s: it is no node of the sample", n.Name())
	}
	err := x.on(func(s *Store, name string) error {
		r, err := s.replica(name)
		if err == nil && !r.up {
			err = errRefused
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &conn{x, d.object}, nil
}

type conn struct {
	n      *node
	object string
}

func (*conn) Close() error { return nil }

// Invoke sends op once and waits for its answer.
func (c *conn) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	type answer struct {
		value, ext history.Value
		err        error
	}
	got := make(chan answer, 1)
	var q *Request
	c.n.h.do(func(s *Store) {
		q, err = s.Submit(c.n.name, c.object, op, func(value, ext history.Value, err error) { got <- answer{value, ext, err} })
	})
	if err != nil {
		return "", "", err
	}
	select {
	case a := <-got:
		return a.value, a.ext, a.err
	case <-ctx.Done():
		harmless, seen := false, history.Value("")
		c.n.h.do(func(*Store) {
			q.Cancel()
			harmless, seen = q.Harmless(), q.Seen()
		})
		select {
		case a := <-got: // it came at the last moment, and the client's side of it knows
			return a.value, a.ext, a.err
		default:
		}
		if harmless {
			return "", "", clients.NotDone(ctx.Err())
		}
		return seen, "", ctx.Err()
	}
}
