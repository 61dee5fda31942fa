package etcd

import (
	"context"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// lease is how many seconds a lock outlives its client, or a client that cannot be heard. The client knows that its lease
// may have ended, and goes on all the same: so does every program that does not look at its session before each thing it does.
const lease = 2

// locker is what a client knows of its locks.
type locker struct {
	session *session         // nil: none yet
	tokens  map[string]int64 // of the locks that were acquired and not given back, by key
}

// session is a lease that is kept alive until the connection is closed.
type session struct {
	id   clientv3.LeaseID
	over chan struct{} // closed when it is not kept alive any more
}

// leased gives the client's session, and makes a new one when there is none or when it ended. A member without a leader
// refuses at once, so that a client of it can go on asking.
func (c *conn) leased(ctx context.Context) (*session, error) {
	if s := c.session; s != nil {
		select {
		case <-s.over:
			c.session = nil
		default:
			return s, nil
		}
	}
	asking, call := watched(ctx)
	r, err := c.client.Grant(clientv3.WithRequireLeader(asking), lease)
	if err != nil {
		return nil, notSent(ctx, "ask for a lease", err, call.unsent())
	}
	kept, err := c.client.KeepAlive(c.client.Ctx(), r.ID)
	if err != nil {
		return nil, notSent(ctx, "keep the lease alive", err, false)
	}
	s := &session{id: r.ID, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		for range kept { // it ends with the client, or with the lease
		}
	}()
	c.session = s
	return s, nil
}

// acquire makes the lock's key, if it is not there.
func (c *conn) acquire(ctx context.Context, op history.Op) (history.Value, extra, error) {
	s, err := c.leased(ctx)
	if err != nil {
		return "", extra{}, err
	}
	key := root + op.Key
	r, err := c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, strconv.Itoa(int(op.Process)), clientv3.WithLease(s.id))).Commit()
	if err != nil {
		return "", extra{}, err
	}
	if !r.Succeeded {
		return "", extra{}, errHeld
	}
	token := r.Header.GetRevision() // in which the key was made
	c.tokens[op.Key] = token
	return op.Value, extra{token: token}, nil
}

// release removes the lock's key, if it is the one that this client made.
func (c *conn) release(ctx context.Context, op history.Op) (history.Value, extra, error) {
	token, held := c.tokens[op.Key]
	if !held {
		return "", extra{}, errNotHeld
	}
	key := root + op.Key
	r, err := c.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", token)).Then(clientv3.OpDelete(key)).Commit()
	if err != nil {
		return "", extra{}, err
	}
	delete(c.tokens, op.Key)
	if !r.Succeeded {
		return "", extra{}, errNotHeld
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}

// guarded writes something under the lock, if the lock is still that of the token.
func (c *conn) guarded(ctx context.Context, op history.Op) (history.Value, extra, error) {
	first, _, ok := op.Value.Pair()
	token, isInt := first.Int()
	if !ok || !isInt || token < 1 {
		return "", extra{}, clients.BadOp("write of %s under %q: expected [token,value]", op.Value.JSON(), op.Key)
	}
	r, err := c.client.Txn(ctx).
		If(clientv3.Compare(clientv3.CreateRevision(root+op.Key), "=", token)).
		Then(clientv3.OpPut(elements(op.Key)+"written", text(op.Value))).Commit()
	if err != nil {
		return "", extra{}, err
	}
	if !r.Succeeded {
		return "", extra{}, errFenced
	}
	return op.Value, extra{Revision: r.Header.GetRevision()}, nil
}
