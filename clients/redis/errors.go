package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
)

// errMismatch is the cas whose comparison failed: Redis decided, and wrote nothing.
var errMismatch = clients.NotDone(clients.Coded("cas-mismatch", errors.New("the value is not the expected one")))

// badOp is an operation that was never sent because it makes no sense.
func badOp(format string, args ...any) error {
	return clients.NotDone(clients.Coded("bad-op", fmt.Errorf(format, args...)))
}

// notPrimary, noPrimary and unreachable are the errors before an effect was sent.
func notPrimary(err error) error { return clients.NotDone(clients.Coded("not-primary", err)) }
func noPrimary(err error) error  { return clients.NotDone(clients.Coded("no-primary", err)) }

func unreachable(ctx context.Context, err error) error {
	code := "unreachable"
	if late(ctx, err) {
		code = "connect-timeout"
	}
	return clients.NotDone(clients.Coded(code, err))
}

// late reports whether err is that the time is over. The connection's own deadline may come before its context's end.
func late(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// refusals are the answers to an effect that Redis gives before it executes it.
var refusals = map[string]string{
	"READONLY":    "readonly",
	"NOREPLICAS":  "noreplicas",
	"CLUSTERDOWN": "clusterdown",
	"MASTERDOWN":  "masterdown",
	"LOADING":     "loading",
}

// refused marks an answer to the effect itself that proves that it was not carried out. An error of WAIT, which
// comes after it, must not go through here.
func refused(err error) error {
	var answer goredis.Error
	if !errors.As(err, &answer) {
		return err
	}
	word, _, _ := strings.Cut(answer.Error(), " ")
	if code := refusals[word]; code != "" {
		return clients.NotDone(clients.Coded(code, err))
	}
	return err
}

// classify gives an error without a code its code. It proves nothing.
func classify(ctx context.Context, err error) error {
	var coded clients.Coder
	var answer goredis.Error
	var network net.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return clients.Coded("cancelled", err)
	case ctx.Err() != nil:
		// The connection was closed under the operation, and what that error says explains nothing.
		return clients.Coded("timeout", fmt.Errorf("no answer in time: %w", ctx.Err()))
	case late(ctx, err):
		return clients.Coded("timeout", err)
	case errors.As(err, &answer):
		return clients.Coded("server-error", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return clients.Coded("connection-lost", err)
	}
	return clients.Coded("error", err)
}
