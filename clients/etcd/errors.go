package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/partita-dev/partita/clients"
)

// The transactions whose comparison failed: the server decided, and wrote nothing.
var (
	errMismatch = clients.NotDone(clients.Coded("cas-mismatch", errors.New("the value is not the expected one")))
	errHeld     = clients.NotDone(clients.Coded("held", errors.New("the lock is held")))
	errNotHeld  = clients.NotDone(clients.Coded("not-held", errors.New("the lock is not held by this client")))
	errWaits    = clients.NotDone(clients.Coded("waits", errors.New("an equal message waits in the queue")))
	errTaken    = clients.NotDone(clients.Coded("taken", errors.New("somebody else took the message")))
	errFenced   = clients.NotDone(clients.Coded("fenced", errors.New("the lock was lost: it is not that of the token any more")))
)

// errInsufficient is a transfer that was never sent, for there is not enough money as far as this client knows.
var errInsufficient = clients.NotDone(clients.Coded("insufficient", errors.New("there is not enough money")))

// serverCodes are the codes of what etcd itself says. None of them but the one in classify proves anything.
var serverCodes = []struct {
	err  error
	code string
}{
	{rpctypes.ErrNoLeader, "no-leader"},
	{rpctypes.ErrLeaderChanged, "leader-changed"},
	{rpctypes.ErrNotLeader, "not-leader"},
	{rpctypes.ErrTimeout, "server-timeout"},
	{rpctypes.ErrTimeoutDueToLeaderFail, "server-timeout"},
	{rpctypes.ErrTimeoutDueToConnectionLost, "server-timeout"},
	{rpctypes.ErrTooManyRequests, "too-many-requests"},
	{rpctypes.ErrNoSpace, "no-space"},
	{rpctypes.ErrStopped, "stopped"},
	{rpctypes.ErrUnhealthy, "unhealthy"},
	{rpctypes.ErrCorrupt, "corrupt"},
}

// notSent is the error of a request that came before the effect: whatever became of it, the effect was never sent.
func notSent(ctx context.Context, what string, err error, unsent bool) error {
	if err = classify(ctx, err, unsent); clients.IsNotDone(err) {
		return err
	}
	return clients.NotDone(clients.Coded("not-sent", fmt.Errorf("%s: %w", what, err)))
}

// classify gives an error its code, and marks the three that prove that the operation did not happen. ctx is the
// operation's; unsent says that certainly nothing of it was sent.
func classify(ctx context.Context, err error, unsent bool) error {
	code := status.Code(err) // of a status; Unknown for anything else
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return clients.Coded("cancelled", err)
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || code == codes.DeadlineExceeded:
		if unsent {
			return clients.NotDone(clients.Coded("connect-timeout", err)) // a paused node takes connections and says nothing
		}
		return clients.Coded("timeout", err)
	case unsent && code == codes.Unavailable:
		return clients.NotDone(clients.Coded("unreachable", err))
	}
	for _, s := range serverCodes {
		if !errors.Is(err, s.err) {
			continue
		}
		err = clients.Coded(s.code, err)
		if errors.Is(s.err, rpctypes.ErrTooManyRequests) {
			return clients.NotDone(err)
		}
		return err
	}
	if code == codes.Unavailable {
		return clients.Coded("unavailable", err)
	}
	return clients.Coded("error", err)
}
