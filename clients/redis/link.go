package redis

import (
	"context"
	"errors"
	"net"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// doer sends one command and waits for its answer.
type doer interface {
	Do(ctx context.Context, args ...any) *goredis.Cmd
}

// link is the client of one connection, which it never replaces.
type link struct {
	raw    net.Conn
	client *goredis.Client
	doer
}

func newLink(raw net.Conn) *link {
	client := goredis.NewClient(options(raw))
	return &link{raw: raw, client: client, doer: client.Conn()}
}

// errSecondDial is what go-redis gets when it wants another connection than the one it was given.
var errSecondDial = errors.New("the client wants a second connection")

func options(raw net.Conn) *goredis.Options {
	first := make(chan net.Conn, 1)
	first <- raw
	return &goredis.Options{
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			select {
			case c := <-first:
				return c, nil
			default:
				return nil, errSecondDial
			}
		},
		Protocol:                 2,
		MaxRetries:               -1,
		DialerRetries:            1,
		PoolSize:                 1,
		PipelinePoolSize:         -1,
		ReadTimeout:              -1,
		WriteTimeout:             -1,
		ContextTimeoutEnabled:    true,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// guard closes the connection when ctx ends before release is called. release reports whether the connection is
// still good.
func (l *link) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = l.raw.Close() })
}

// close ends the client and its connection. What they say then matters to nobody: all answers are in.
func (l *link) close() {
	_ = l.raw.Close()
	_ = l.client.Close()
}
