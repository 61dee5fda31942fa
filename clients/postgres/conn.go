package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// conn is one process's client on one node.
type conn struct {
	driver
	cluster *cluster.Cluster
	node    cluster.Node
	links   map[role]*link // made when they are needed
}

// Close closes the connections that there are.
func (c *conn) Close() error {
	for r, l := range c.links {
		l.close()
		delete(c.links, r)
	}
	return nil
}

// extra is what is known beside a value.
type extra struct {
	Server string `json:"server"` // the node whose server answered
}

// request is how an operation is done: readOnly has no effect.
type request struct {
	readOnly bool
	do       func(context.Context, *link) (history.Value, error)
}

// Invoke performs one operation. The ext of an answer names the node whose server gave it.
func (c *conn) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	r, err := c.request(op)
	if err != nil {
		return "", "", err
	}
	where := toPrimary
	switch {
	case r.readOnly && c.reads == "standby":
		where = toStandby
	case r.readOnly && c.reads == "both":
		where = toOwn
	}
	l, err := c.link(ctx, where)
	if err != nil {
		return "", "", err
	}
	release := l.guard(ctx)
	value, err = r.do(ctx, l)
	whole := release()
	var answer *pgconn.PgError
	said := err == nil || errors.Is(err, errMismatch) || errors.Is(err, errInsufficient) || errors.Is(err, errRolledBack) || errors.As(err, &answer)
	if !whole || !said || l.pg.IsClosed() || l.pg.TxStatus() != 'I' || moved(err) {
		l.close()
		delete(c.links, where)
	}
	switch {
	case err == nil:
		return value, history.Of(extra{Server: l.node}), nil
	case clients.IsNotDone(err):
		return "", "", err
	case r.readOnly:
		return "", "", clients.NotDone(classify(ctx, err))
	}
	return "", "", classify(ctx, err)
}

// moved reports whether a server says that it is no primary any more: the next operation looks for another.
func moved(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "25006" || answer.Code == "57P03")
}

func (c *conn) request(op history.Op) (request, error) {
	switch c.object + " " + op.F {
	case "register read":
		return request{true, func(ctx context.Context, l *link) (history.Value, error) { return readRegister(ctx, l, op.Key) }}, nil
	case "register write":
		return request{do: func(ctx context.Context, l *link) (history.Value, error) { return write(ctx, l, op) }}, nil
	case "register cas":
		return request{do: func(ctx context.Context, l *link) (history.Value, error) { return cas(ctx, l, op) }}, nil
	case "set add":
		return request{do: func(ctx context.Context, l *link) (history.Value, error) { return add(ctx, l, op) }}, nil
	case "set read":
		return request{true, func(ctx context.Context, l *link) (history.Value, error) { return readSet(ctx, l, op.Key) }}, nil
	case "bank read":
		return request{true, func(ctx context.Context, l *link) (history.Value, error) { return c.readBank(ctx, l, op.Key) }}, nil
	case "bank transfer":
		return c.transfer(op)
	case "list-append txn", "rw-register txn":
		return c.transaction(op)
	}
	return request{}, clients.BadOp("PostgreSQL has no operation %q on a %s", op.F, c.object)
}
