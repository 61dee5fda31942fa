package postgres

import (
	"context"
	"errors"

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

// These are the errors before an effect was sent.
func notPrimary(err error) error { return clients.NotDone(clients.Coded("not-primary", err)) }
func noPrimary(err error) error  { return clients.NotDone(clients.Coded("no-primary", err)) }
func noStandby(err error) error  { return clients.NotDone(clients.Coded("no-standby", err)) }

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
	return clients.Classify(ctx, err, func(err error) string {
		var answer *pgconn.PgError
		if errors.As(err, &answer) {
			return "sqlstate-" + answer.Code
		}
		return ""
	})
}
