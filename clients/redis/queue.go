package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// enqueue appends a message to the list.
func (c *conn) enqueue(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	if op.Value.IsNil() {
		return "", clients.BadOp("enqueue of nothing into %q", op.Key)
	}
	if err := c.primary.Do(ctx, "RPUSH", root+op.Key, text(op.Value)).Err(); err != nil {
		return "", refused(err)
	}
	return op.Value, c.replicated(ctx, e)
}

// dequeue takes the first message of the list; nothing, as an answer, means that it is empty.
func (c *conn) dequeue(ctx context.Context, op history.Op, e *extra) (history.Value, error) {
	s, err := c.primary.Do(ctx, "LPOP", root+op.Key).Text()
	switch {
	case errors.Is(err, goredis.Nil):
		return "", nil
	case err != nil:
		return "", refused(err)
	}
	return stored(s), c.replicated(ctx, e)
}
