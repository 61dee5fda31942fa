package redis

import (
	"context"
	"errors"
	"fmt"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// count adds to a counter.
func (c *conn) count(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	n, ok := op.Value.Int()
	if !ok {
		return "", clients.BadOp("add of %s to %q: expected a whole number", op.Value.JSON(), op.Key)
	}
	if err := c.primary.Do(ctx, "INCRBY", root+op.Key, n).Err(); err != nil {
		return "", refused(err)
	}
	return op.Value, c.replicated(ctx, e)
}

// readCounter gives a counter's number, 0 when it was never added to.
func (c *conn) readCounter(ctx context.Context, op history.Op, _ *extra) (history.Value, error) {
	n, err := c.primary.Do(ctx, "GET", root+op.Key).Int64()
	if err != nil && !errors.Is(err, goredis.Nil) {
		return "", fmt.Errorf("read a counter: %w", err)
	}
	return history.Int(n), nil
}

// generate counts by one, and gives the number that came of it as the id.
func (c *conn) generate(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	n, err := c.primary.Do(ctx, "INCR", root+op.Key).Int64()
	if err != nil {
		return "", refused(err)
	}
	return history.Int(n), c.replicated(ctx, e)
}
