package postgresql

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

const (
	daemon = "postgres"
	port   = 5432
	user   = "postgres"

	// copyAgain is how long a standby that is filled waits before it asks a primary again that does not serve yet.
	copyAgain = 200 * time.Millisecond
)

// DB is the automation of PostgreSQL. It keeps only parameters between calls, so that another process can go on with it.
type DB struct{ sync bool }

var _ interface {
	cluster.Database
	cluster.Pauser
	cluster.Primaries
	cluster.LogFiles
	cluster.Promoter
} = (*DB)(nil)

// New makes the automation. Parameter: "replication", async (default) or sync, whether a commit waits for a standby.
func New(p history.Params) (cluster.Database, error) {
	switch r := p.String("replication", "async"); r {
	case "async", "sync":
		return &DB{sync: r == "sync"}, nil
	default:
		return nil, fmt.Errorf("parameter replication=%q: choose from async, sync", r)
	}
}

func hostOf(n cluster.Node) (cluster.Host, error) { return cluster.HostOf(n, "PostgreSQL") }

func home(n cluster.Node) string    { return path.Join(n.Dir(), "postgres") }
func dataDir(n cluster.Node) string { return path.Join(home(n), "data") }
func logFile(n cluster.Node) string { return path.Join(n.Dir(), "logs", "postgres.log") }

// Daemons is ["postgres"].
func (*DB) Daemons() []string { return []string{daemon} }

// LogFiles names the server's log.
func (*DB) LogFiles(n cluster.Node) []string { return []string{logFile(n)} }

// Setup makes the data folder of the first node, with its configuration. Standbys copy it when they start.
func (d *DB) Setup(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	s, err := find(ctx, h)
	if err != nil {
		return err
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-f", "--", logFile(n)}}); err != nil {
		return fmt.Errorf("remove the old log of PostgreSQL: %w", err)
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{"mkdir", "-p", "--", home(n), path.Dir(logFile(n))}}); err != nil {
		return fmt.Errorf("make the folders of PostgreSQL: %w", err)
	}
	if err := s.own(ctx, home(n)); err != nil {
		return err
	}
	if n.Name() != c.Nodes[0].Name() {
		return nil
	}
	if err := s.run(ctx, "initdb", "--pgdata="+dataDir(n), "--username="+user, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"); err != nil {
		return fmt.Errorf("make the data folder of PostgreSQL: %w", err)
	}
	return s.append(ctx, map[string]string{"postgresql.conf": d.conf(c), "pg_hba.conf": hba})
}

// Start starts the server; one that runs already is no error. A standby without data is filled from the first node before,
// which may still be starting.
func (d *DB) Start(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	now, err := h.Status(ctx, daemon)
	if err != nil {
		return fmt.Errorf("ask whether PostgreSQL runs on %s: %w", n.Name(), err)
	}
	if now.Running {
		return nil
	}
	s, err := find(ctx, h)
	if err != nil {
		return err
	}
	filled, err := s.filled(ctx)
	if err == nil && !filled {
		err = s.fill(ctx, c.Nodes[0])
	}
	if err == nil {
		// A killed server leaves its process id, and in a small world that id is soon somebody else's.
		_, err = h.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-f", "--", path.Join(dataDir(n), "postmaster.pid")}})
	}
	if err != nil {
		return fmt.Errorf("start PostgreSQL on %s: %w", n.Name(), err)
	}
	args, err := s.serve(ctx)
	if err != nil {
		return fmt.Errorf("start PostgreSQL on %s: %w", n.Name(), err)
	}
	return h.Start(ctx, cluster.Daemon{Name: daemon, Args: args, Dir: home(n), Log: logFile(n)})
}

func (*DB) signal(ctx context.Context, n cluster.Node, s cluster.Signal) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	return h.Signal(ctx, daemon, s)
}

// Stop ends the server with SIGTERM to all its processes: sessions end at once, and it shuts down in order.
func (d *DB) Stop(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigTerm)
}

// Kill ends every process of the server with SIGKILL.
func (d *DB) Kill(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigKill)
}

// Pause stops every process of the server.
func (d *DB) Pause(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigStop)
}

// Resume lets the server go on.
func (d *DB) Resume(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigCont)
}

// Wipe removes the data and looks whether it is gone. A server that runs is refused: it would write its data again.
func (*DB) Wipe(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	s, err := h.Status(ctx, daemon)
	if err != nil {
		return fmt.Errorf("ask whether PostgreSQL runs on %s: %w", n.Name(), err)
	}
	if s.Running {
		return fmt.Errorf("wipe the data of PostgreSQL on %s: the server runs (pids %v): stop it first", n.Name(), s.Pids)
	}
	return cluster.RemoveData(ctx, h, "PostgreSQL", home(n))
}
