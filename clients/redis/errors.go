package redis

import (
	"context"
	"errors"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/partita-dev/partita/clients"
)

// errMismatch is the cas whose comparison failed: Redis decided, and wrote nothing.
var errMismatch = clients.NotDone(clients.Coded("cas-mismatch", errors.New("the value is not the expected one")))

// notPrimary and noPrimary are the errors before an effect was sent.
func notPrimary(err error) error { return clients.NotDone(clients.Coded("not-primary", err)) }
func noPrimary(err error) error  { return clients.NotDone(clients.Coded("no-primary", err)) }

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
	return clients.Classify(ctx, err, func(err error) string {
		var answer goredis.Error
		if errors.As(err, &answer) {
			return "server-error"
		}
		return ""
	})
}
