package postgresql

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

// position is how far a standby's own copy of the log goes, as text that sorts.
const position = "SELECT lpad((coalesce(pg_last_wal_receive_lsn(), '0/0') - '0/0'::pg_lsn)::text, 24, '0')"

// Promote makes one of the named standbys a primary, the one that has received most, and lets the other ones follow it. It is
// what an operator does when the primary is gone; that it is really gone is the caller's business. One that is a primary
// already is no error.
func (d *DB) Promote(ctx context.Context, c *cluster.Cluster, among []string) error {
	best, most := cluster.Node(nil), ""
	var standbys []cluster.Node
	var errs []error
	for _, name := range among {
		n, err := c.Node(name)
		if err != nil {
			return err
		}
		standby, err := inRecovery(ctx, n)
		if err == nil && !standby {
			return nil
		}
		var row []string
		if err == nil {
			row, err = ask(ctx, n, position)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		standbys = append(standbys, n)
		if at := strings.Join(row, ""); best == nil || at > most {
			best, most = n, at
		}
	}
	if best == nil {
		return fmt.Errorf("promote one of %s: no standby answers: %w", strings.Join(among, ", "), errors.Join(errs...))
	}
	row, err := ask(ctx, best, "SELECT pg_promote(true, 30)")
	switch {
	case err != nil:
		return fmt.Errorf("promote %s: %w", best.Name(), err)
	case !slices.Equal(row, []string{"t"}):
		return fmt.Errorf("promote %s: it answers %q: expected t, that it is a primary within 30 s", best.Name(), row)
	}
	addr, err := cluster.Address(ctx, best)
	if err != nil {
		return err
	}
	for _, n := range standbys {
		if n == best {
			continue
		}
		if err := set(ctx, n, "primary_conninfo", conninfo(addr, n.Name())); err != nil {
			errs = append(errs, err)
		}
	}
	if d.sync && len(standbys) == 1 { // it is alone, and would wait for ever
		errs = append(errs, set(ctx, best, "synchronous_standby_names", ""))
	}
	return errors.Join(errs...)
}

// set changes a setting for good. Values are ours: they have no quotes.
func set(ctx context.Context, n cluster.Node, name, value string) error {
	for _, sql := range []string{fmt.Sprintf("ALTER SYSTEM SET %s = '%s'", name, value), "SELECT pg_reload_conf()"} {
		if _, err := ask(ctx, n, sql); err != nil {
			return fmt.Errorf("set %s on %s: %w", name, n.Name(), err)
		}
	}
	return nil
}

// Rejoin makes a node the standby of whichever other node is primary, and throws away what only it has: it is stopped,
// rewound to where the other's timeline began, and started. Where that is not possible it is filled anew. Without
// another primary there is nobody to follow, and nothing is done; nor is when it is a standby already.
func (d *DB) Rejoin(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	primary, err := d.successor(ctx, c, n)
	if err != nil || primary == nil {
		return err
	}
	now, err := h.Status(ctx, daemon)
	if err != nil {
		return fmt.Errorf("ask whether PostgreSQL runs on %s: %w", n.Name(), err)
	}
	if standby, err := inRecovery(ctx, n); err == nil && standby {
		return d.waitForStandbys(ctx, c, primary)
	}
	if now.Running {
		if err := d.Stop(ctx, c, n); err != nil {
			return fmt.Errorf("stop the old primary %s: %w", n.Name(), err)
		}
	}
	s, err := find(ctx, h)
	if err != nil {
		return err
	}
	addr, err := cluster.Address(ctx, primary)
	if err != nil {
		return err
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-f", "--", path.Join(dataDir(n), "postmaster.pid")}}); err != nil {
		return fmt.Errorf("remove the process id of the old primary %s: %w", n.Name(), err)
	}
	// The end of recovery is a checkpoint that the new primary may still be writing; a rewind reads the timeline from it.
	if _, err := ask(ctx, primary, "CHECKPOINT"); err != nil {
		return err
	}
	if err := s.run(ctx, "pg_rewind", "--target-pgdata="+dataDir(n), "--source-server="+s.line(addr), "--write-recovery-conf", "--no-sync"); err != nil {
		if ferr := s.fill(ctx, primary); ferr != nil {
			return fmt.Errorf("rewind %s: %w; fill it anew: %w", n.Name(), err, ferr)
		}
	}
	if err := d.Start(ctx, c, n); err != nil {
		return err
	}
	return d.waitForStandbys(ctx, c, primary)
}

// waitForStandbys lets a primary wait for a standby again before it acknowledges, where that is wished.
func (d *DB) waitForStandbys(ctx context.Context, c *cluster.Cluster, primary cluster.Node) error {
	if !d.sync || len(c.Nodes) < 2 {
		return nil
	}
	return set(ctx, primary, "synchronous_standby_names", "*")
}

// successor is the primary beside a node, nil when there is none.
func (d *DB) successor(ctx context.Context, c *cluster.Cluster, old cluster.Node) (cluster.Node, error) {
	primaries, err := d.Primaries(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, name := range primaries {
		if name != old.Name() {
			return c.Node(name)
		}
	}
	return nil, nil
}
