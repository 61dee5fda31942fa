package etcd

import (
	"context"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// enqueue makes a key of the message's own, named by the message, if there is none: so that a message that waits is never
// put over by one that is equal.
func (c *conn) enqueue(ctx context.Context, op history.Op) (history.Value, extra, error) {
	if op.Value.IsNil() {
		return "", extra{}, clients.BadOp("enqueue of nothing into %q", op.Key)
	}
	message := text(op.Value)
	key := elements(op.Key) + message
	r, err := c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, message)).Commit()
	if err != nil {
		return "", extra{}, err
	}
	if !r.Succeeded {
		return "", extra{}, errWaits
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}

// dequeue looks which key was made first, and removes it if it is still there. The look is linearizable whatever the
// read-mode, so that nothing, as an answer, means that the queue is empty.
func (c *conn) dequeue(ctx context.Context, op history.Op) (history.Value, extra, error) {
	asking, call := watched(ctx)
	first, err := c.client.Get(asking, elements(op.Key), clientv3.WithFirstCreate()...)
	if err != nil {
		return "", extra{}, notSent(ctx, "look for the first message", err, call.unsent())
	}
	if len(first.Kvs) == 0 {
		return "", extra{Revision: first.Header.GetRevision()}, nil
	}
	return c.remove(ctx, first.Kvs[0])
}

// remove takes a message out, if it is still the one that was looked at.
func (c *conn) remove(ctx context.Context, kv *mvccpb.KeyValue) (history.Value, extra, error) {
	r, err := c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(string(kv.Key)), "=", kv.CreateRevision)).
		Then(clientv3.OpDelete(string(kv.Key))).Commit()
	if err != nil {
		return "", extra{}, err
	}
	if !r.Succeeded {
		return "", extra{}, errTaken
	}
	return stored(kv.Value), extra{Revision: r.Header.GetRevision()}, nil
}
