package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// BadOp is the error of an operation that was never sent because it makes no sense.
func BadOp(format string, args ...any) error {
	return NotDone(Coded("bad-op", fmt.Errorf(format, args...)))
}

// Unreachable is the error of a client that connects by itself and did not come through, before any effect was sent.
func Unreachable(ctx context.Context, err error) error {
	code := CodeUnreachable
	if late(ctx, err) {
		code = "connect-timeout"
	}
	return NotDone(Coded(code, err))
}

// late reports whether err is that the time is over. A connection's own deadline may come before its context's end.
func late(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// Classify gives an error of an operation over one connection, which is closed when ctx ends, its code, where it has none.
// answer gives the code of what the server itself said, "" for any other error. It proves nothing.
func Classify(ctx context.Context, err error, answer func(error) string) error {
	var coded Coder
	var network net.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return Coded("cancelled", err)
	case ctx.Err() != nil:
		// The connection was closed under the operation, and what that error says explains nothing.
		return Coded("timeout", fmt.Errorf("no answer in time: %w", ctx.Err()))
	case late(ctx, err):
		return Coded("timeout", err)
	}
	if code := answer(err); code != "" {
		return Coded(code, err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network) {
		return Coded("connection-lost", err)
	}
	return Coded("error", err)
}
