package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/clients"
)

// refusals are the answers that prove that an effect, sent alone or by COMMIT, was not carried out.
var refusals = map[string]string{
	"40001": "serialization",
	"40P01": "deadlock",
	"25006": "read-only",
	"57P03": "not-now",
}

var (
	// errMismatch is the cas whose comparison failed: PostgreSQL decided, and wrote nothing.
	errMismatch = clients.NotDone(clients.Coded("cas-mismatch", errors.New("the value is not the expected one")))
	// errInsufficient is the transfer of more than there is.
	errInsufficient = clients.NotDone(clients.Coded("insufficient", errors.New("the account does not hold that much")))
	// errRolledBack is the COMMIT of a transaction that had failed before.
	errRolledBack = clients.NotDone(clients.Coded("rolled-back", errors.New("COMMIT was answered with ROLLBACK")))
)

// badOp is an operation that was never sent because it makes no sense.
func badOp(format string, args ...any) error {
	return clients.NotDone(clients.Coded("bad-op", fmt.Errorf(format, args...)))
}

// These are the errors before an effect was sent.
func notPrimary(err error) error { return clients.NotDone(clients.Coded("not-primary", err)) }
func noPrimary(err error) error  { return clients.NotDone(clients.Coded("no-primary", err)) }
func noStandby(err error) error  { return clients.NotDone(clients.Coded("no-standby", err)) }

func unreachable(ctx context.Context, err error) error {
	code := clients.CodeUnreachable
	if late(ctx, err) {
		code = "connect-timeout"
	}
	return clients.NotDone(clients.Coded(code, err))
}

// late reports whether err is that the time is over.
func late(ctx context.Context, err error) bool {
	var network net.Error
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}

// refused marks an answer that proves that the effect was not carried out.
func refused(err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && refusals[answer.Code] != "" {
		return clients.NotDone(clients.Coded(refusals[answer.Code], err))
	}
	return err
}

// classify gives an error without a code its code. It proves nothing.
func classify(ctx context.Context, err error) error {
	var coded clients.Coder
	var answer *pgconn.PgError
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
		return clients.Coded("sqlstate-"+answer.Code, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return clients.Coded("connection-lost", err)
	}
	return clients.Coded("error", err)
}
