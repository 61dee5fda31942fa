package postgresql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/cluster"
)

// ask sends one statement to the server of a node, through its port, and gives the first row of the last answer.
func ask(ctx context.Context, n cluster.Node, sql string) (row []string, err error) {
	cfg, err := pgconn.ParseConfig(fmt.Sprintf("host=%s port=%d user=%s dbname=postgres sslmode=disable", n.Name(), port, user))
	if err != nil {
		return nil, err
	}
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{n.Name()}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return n.Dial(ctx, port) }
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to PostgreSQL on %s: %w", n.Name(), err)
	}
	defer func() {
		_ = conn.Close(context.WithoutCancel(ctx)) // what it says on leaving matters to nobody
		<-conn.CleanupDone()
	}()
	results, err := conn.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("ask PostgreSQL on %s: %w", n.Name(), err)
	}
	for _, r := range results {
		if len(r.Rows) > 0 {
			row = nil
			for _, field := range r.Rows[0] {
				row = append(row, string(field))
			}
		}
	}
	return row, nil
}

// inRecovery asks whether the server of a node is a standby.
func inRecovery(ctx context.Context, n cluster.Node) (bool, error) {
	row, err := ask(ctx, n, "SELECT pg_is_in_recovery()")
	if err != nil {
		return false, err
	}
	if len(row) != 1 || row[0] != "t" && row[0] != "f" {
		return false, fmt.Errorf("PostgreSQL on %s answers %q when asked for its role: expected t or f", n.Name(), row)
	}
	return row[0] == "t", nil
}

// Ready asks whether the node serves: it is the only primary, or a standby that streams.
func (d *DB) Ready(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	standby, err := inRecovery(ctx, n)
	if err != nil {
		return err
	}
	if !standby {
		primaries, err := d.Primaries(ctx, c)
		if err == nil && len(primaries) > 1 {
			err = fmt.Errorf("PostgreSQL has %d primaries: %s: `partita heal` rewinds the one that was cut off", len(primaries), strings.Join(primaries, ", "))
		}
		return err
	}
	row, err := ask(ctx, n, "SELECT coalesce((SELECT status FROM pg_stat_wal_receiver), 'none')")
	if err != nil {
		return err
	}
	if !slices.Equal(row, []string{"streaming"}) {
		return fmt.Errorf("the standby %s does not stream: its receiver is %q", n.Name(), row)
	}
	return nil
}

// Primaries names the nodes whose server takes writes. After a promotion those are two until the old primary has rejoined,
// the one on the later timeline first. Nodes that do not answer are passed over.
func (*DB) Primaries(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	type view struct {
		standby  bool
		timeline string
		err      error
	}
	views := make([]view, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() {
			v := &views[i]
			if v.standby, v.err = inRecovery(ctx, n); v.err != nil || v.standby {
				return
			}
			var row []string
			if row, v.err = ask(ctx, n, "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"); v.err == nil && len(row) == 1 {
				v.timeline = row[0]
			}
		})
	}
	wg.Wait()
	var found []string
	timeline := map[string]string{}
	var errs []error
	for i, v := range views {
		errs = append(errs, v.err)
		if name := c.Nodes[i].Name(); v.err == nil && !v.standby {
			found = append(found, name)
			timeline[name] = v.timeline
		}
	}
	if !slices.Contains(errs, nil) {
		return nil, fmt.Errorf("find the primary of PostgreSQL, no node answers: %w", errors.Join(errs...))
	}
	slices.SortStableFunc(found, func(a, b string) int { return strings.Compare(timeline[b], timeline[a]) })
	return found, nil
}

// Version is the server's own answer: "15.18".
func (*DB) Version(ctx context.Context, _ *cluster.Cluster, n cluster.Node) (string, error) {
	row, err := ask(ctx, n, "SHOW server_version")
	if err != nil {
		return "", fmt.Errorf("ask for the version: %w", err)
	}
	version, _, _ := strings.Cut(strings.Join(row, " "), " ")
	return version, nil
}
