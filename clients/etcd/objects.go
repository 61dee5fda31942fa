package etcd

import (
	"context"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// entry is a number in the store as it was seen last: mod 0 is one that was never written.
type entry struct {
	number int64
	mod    int64
}

// note remembers what an answer shows of some keys; keys that it does not show are not there.
func (c *conn) note(kvs []*mvccpb.KeyValue, keys ...string) error {
	for _, key := range keys {
		delete(c.seen, key)
	}
	for _, kv := range kvs {
		n, err := strconv.ParseInt(string(kv.Value), 10, 64)
		if err != nil {
			return clients.BadOp("%s holds %q: it is no number of ours", kv.Key, kv.Value)
		}
		c.seen[string(kv.Key)] = entry{n, kv.ModRevision}
	}
	return nil
}

// exchange writes new numbers if nobody has written the old ones since they were seen: all or none, in one request. When
// somebody has, it takes note of what is there now, for the next operation.
func (c *conn) exchange(ctx context.Context, keys []string, numbers []int64) (extra, error) {
	var ifs []clientv3.Cmp
	var puts, gets []clientv3.Op
	for i, key := range keys {
		ifs = append(ifs, clientv3.Compare(clientv3.ModRevision(key), "=", c.seen[key].mod))
		puts = append(puts, clientv3.OpPut(key, strconv.FormatInt(numbers[i], 10)))
		gets = append(gets, clientv3.OpGet(key))
	}
	r, err := c.client.Txn(ctx).If(ifs...).Then(puts...).Else(gets...).Commit()
	if err != nil {
		return extra{}, err
	}
	e := extra{Revision: r.Header.GetRevision()}
	if !r.Succeeded {
		if err := c.note(found(r.Responses), keys...); err != nil {
			return extra{}, err
		}
		return extra{}, errMismatch
	}
	for i, key := range keys {
		c.seen[key] = entry{numbers[i], e.Revision}
	}
	return e, nil
}

// found lists what the reads of a transaction found.
func found(rs []*etcdserverpb.ResponseOp) (kvs []*mvccpb.KeyValue) {
	for _, r := range rs {
		kvs = append(kvs, r.GetResponseRange().GetKvs()...)
	}
	return kvs
}

// count adds to a counter.
func (c *conn) count(ctx context.Context, op history.Op) (history.Value, extra, error) {
	n, ok := op.Value.Int()
	if !ok {
		return "", extra{}, clients.BadOp("add of %s to %q: expected a whole number", op.Value.JSON(), op.Key)
	}
	key := root + op.Key
	e, err := c.exchange(ctx, []string{key}, []int64{c.seen[key].number + n})
	if err != nil {
		return "", extra{}, err
	}
	return op.Value, e, nil
}

// readCounter gives a counter's number, 0 when it was never added to.
func (c *conn) readCounter(ctx context.Context, op history.Op) (history.Value, extra, error) {
	key := root + op.Key
	r, err := c.client.Get(ctx, key, c.readOptions()...)
	if err != nil {
		return "", extra{}, err
	}
	if err := c.note(r.Kvs, key); err != nil {
		return "", extra{}, err
	}
	return history.Int(c.seen[key].number), extra{Revision: r.Header.GetRevision(), Mod: c.seen[key].mod}, nil
}

// generate gives the revision of a put, which no other put has.
func (c *conn) generate(ctx context.Context, op history.Op) (history.Value, extra, error) {
	r, err := c.client.Put(ctx, root+op.Key, "")
	if err != nil {
		return "", extra{}, err
	}
	revision := r.Header.GetRevision()
	return history.Int(revision), extra{Revision: revision}, nil
}

// account is the key of an account, and what it holds as far as this client knows.
func (c *conn) account(op history.Op, n int) (key string, balance int64) {
	key = elements(op.Key) + strconv.Itoa(n)
	if e := c.seen[key]; e.mod > 0 {
		return key, e.number
	}
	return key, c.balance
}

// transfer moves money from one account to another.
func (c *conn) transfer(ctx context.Context, op history.Op) (history.Value, extra, error) {
	var t struct {
		From, To *int
		Amount   int64
	}
	if err := op.Value.Decode(&t); err != nil || t.From == nil || t.To == nil || *t.From == *t.To || t.Amount < 1 ||
		min(*t.From, *t.To) < 0 || max(*t.From, *t.To) >= c.accounts {
		return "", extra{}, clients.BadOp("transfer %s in %q: expected from and to, two of %d accounts, and an amount", op.Value.JSON(), op.Key, c.accounts)
	}
	from, has := c.account(op, *t.From)
	to, had := c.account(op, *t.To)
	if has < t.Amount {
		return "", extra{}, errInsufficient
	}
	e, err := c.exchange(ctx, []string{from, to}, []int64{has - t.Amount, had + t.Amount})
	if err != nil {
		return "", extra{}, err
	}
	return op.Value, e, nil
}

// readBank gives the balance of each account, all of one moment.
func (c *conn) readBank(ctx context.Context, op history.Op) (history.Value, extra, error) {
	prefix := elements(op.Key)
	r, err := c.client.Get(ctx, prefix, c.readOptions(clientv3.WithPrefix())...)
	if err != nil {
		return "", extra{}, err
	}
	all := map[string]int64{}
	var keys []string
	for n := range c.accounts {
		all[strconv.Itoa(n)] = c.balance
		keys = append(keys, prefix+strconv.Itoa(n))
	}
	if err := c.note(r.Kvs, keys...); err != nil {
		return "", extra{}, err
	}
	for _, kv := range r.Kvs { // also one that does not belong there
		all[strings.TrimPrefix(string(kv.Key), prefix)] = c.seen[string(kv.Key)].number
	}
	return history.Of(all), extra{Revision: r.Header.GetRevision()}, nil
}
