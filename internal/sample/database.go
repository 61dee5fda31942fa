package sample

import (
	"context"
	"fmt"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// grace is how long a store may need after healing: an election, and the retries that wait for it.
const grace = time.Second

// Database is the automation of the sample: it does with replicas what others do with processes.
type Database struct{}

var (
	_ cluster.Database  = Database{}
	_ cluster.Pauser    = Database{}
	_ cluster.Primaries = Database{}
	_ cluster.LogFiles  = Database{}
)

// NewDatabase gives the automation.
func NewDatabase(history.Params) (cluster.Database, error) { return Database{}, nil }

func on(n cluster.Node, do string, f func(*Store, string) error) error {
	x, ok := n.(*node)
	if !ok {
		return fmt.Errorf("%s the sample on %s: it runs on its own nodes only: take --provider builtin", do, n.Name())
	}
	return x.on(f)
}

// Setup has nothing to do.
func (Database) Setup(context.Context, *cluster.Cluster, cluster.Node) error { return nil }

// Start starts a replica.
func (Database) Start(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "start", (*Store).Start)
}

// Ready is nil when the replica runs and knows a leader.
func (Database) Ready(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "ask", (*Store).Ready)
}

// Stop ends a replica when its disk has written everything.
func (Database) Stop(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "stop", (*Store).Stop)
}

// Kill ends a replica, and its disk loses what was not fsynced: as when the power fails.
func (Database) Kill(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "kill", (*Store).Kill)
}

// Pause makes a replica stand still.
func (Database) Pause(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "pause", (*Store).Pause)
}

// Resume lets it go on.
func (Database) Resume(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "resume", (*Store).Resume)
}

// Wipe empties the replica's disk.
func (Database) Wipe(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return on(n, "wipe", (*Store).Wipe)
}

// Version says what it is.
func (Database) Version(context.Context, *cluster.Cluster, cluster.Node) (string, error) {
	return "the sample, on go.etcd.io/raft/v3 3.7.0", nil
}

// Daemons names the one daemon.
func (Database) Daemons() []string { return []string{Daemon} }

// Primaries names who leads as far as they know themselves.
func (Database) Primaries(_ context.Context, c *cluster.Cluster) (names []string, err error) {
	if len(c.Nodes) > 0 {
		err = on(c.Nodes[0], "ask", func(s *Store, _ string) error {
			names = s.Primaries()
			return nil
		})
	}
	return names, err
}

// LogFiles names a replica's log.
func (Database) LogFiles(cluster.Node) []string { return []string{logFile} }
