package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/cluster"
)

// link is one connection to one server, which is never replaced by itself.
type link struct {
	raw  net.Conn
	pg   *pgconn.PgConn
	node string // whose server it is
}

// errSecondDial is what pgx gets when it wants another connection than the one it was given: to cancel a query.
var errSecondDial = errors.New("the client wants a second connection")

// handshake makes a link of a connection to the server of a node.
func (d driver) handshake(ctx context.Context, raw net.Conn, n cluster.Node) (*link, error) {
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", n.Name(), port, user))
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	cfg.RuntimeParams = map[string]string{"application_name": "partita"}
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{n.Name()}, nil }
	first := make(chan net.Conn, 1)
	first <- raw
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		select {
		case c := <-first:
			return c, nil
		default:
		}
		if d.redial != nil {
			return d.redial(ctx, n)
		}
		return nil, errSecondDial
	}
	pg, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &link{raw: raw, pg: pg, node: n.Name()}, nil
}

// guard closes the connection when ctx ends before release is called, so that pgx has nothing to wait for. release reports
// whether the connection is still good.
func (l *link) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { _ = l.raw.Close() })
}

// close ends the connection, and what pgx does behind it.
func (l *link) close() {
	_ = l.raw.Close()
	_ = l.pg.Close(context.Background()) // the connection is closed: it says so, and does not wait
	<-l.pg.CleanupDone()
}

// query sends one statement with its values and gives the rows of its answer as text, nil for NULL.
func (l *link) query(ctx context.Context, sql string, values ...string) ([][][]byte, pgconn.CommandTag, error) {
	params := make([][]byte, len(values))
	for i, v := range values {
		params[i] = []byte(v)
	}
	r := l.pg.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	return r.Rows, r.CommandTag, r.Err
}
