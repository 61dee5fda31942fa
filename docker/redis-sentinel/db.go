package redissentinel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

const (
	redisDaemon    = "redis"
	sentinelDaemon = "sentinel"
	redisPort      = 6379
	sentinelPort   = 26379

	primaryName     = "partita" // what Sentinel calls the primary
	downAfter       = 3 * time.Second
	failoverTimeout = 10 * time.Second

	stopTimeout = time.Minute
	stopAgain   = 3 * time.Second
)

// DB is the automation of Redis with Sentinel. It keeps only parameters between calls, so that another process
// can go on with it.
type DB struct{ minReplicas int }

var _ interface {
	cluster.Database
	cluster.Pauser
	cluster.Primaries
	cluster.LogFiles
	Grace() time.Duration
} = (*DB)(nil)

// New makes the automation. Parameter: "min-replicas", without how many replicas a primary refuses writes (0).
func New(p history.Params) (cluster.Database, error) {
	n, err := p.Int("min-replicas", 0)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("parameter min-replicas=%d: expected 0 or more", n)
	}
	return &DB{minReplicas: n}, nil
}

// Grace is how long after healing, when every node is ready, final reads should still wait. The sentinel of a
// primary that was cut off hears of its successor within seconds, but the others convert that primary only when
// they have seen it in the wrong role for 8 s, and they look each 10 s. Then it wipes itself and is filled anew.
func (*DB) Grace() time.Duration { return 20 * time.Second }

func hostOf(n cluster.Node) (cluster.Host, error) { return cluster.HostOf(n, "Redis") }

// Daemons is ["redis", "sentinel"].
func (*DB) Daemons() []string { return []string{redisDaemon, sentinelDaemon} }

// LogFiles names the logs of both daemons.
func (*DB) LogFiles(n cluster.Node) []string { return []string{redisLog(n), sentinelLog(n)} }

// Setup checks that the servers are there, removes the logs of an earlier run and writes both configurations.
func (d *DB) Setup(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	redis, sentinel, err := d.files(ctx, c, n)
	if err != nil {
		return fmt.Errorf("configure Redis on %s: %w", n.Name(), err)
	}
	for _, server := range []string{"redis-server", "redis-sentinel"} {
		if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{server, "--version"}}); err != nil {
			return fmt.Errorf("find %s on %s (Debian's package of that name has it): %w", server, n.Name(), err)
		}
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: append([]string{"rm", "-f", "--"}, d.LogFiles(n)...)}); err != nil {
		return fmt.Errorf("remove the old logs of Redis: %w", err)
	}
	// Put makes the folder of its file; that of the logs is made here.
	for path, content := range map[string]string{redisConf(n): redis, sentinelConf(n): sentinel, redisLog(n): "", sentinelLog(n): ""} {
		if err := h.Put(ctx, path, strings.NewReader(content), 0o644); err != nil {
			return fmt.Errorf("write %s on %s: %w", path, n.Name(), err)
		}
	}
	return nil
}

// Start starts both daemons with the configuration that is there; one that runs already is no error.
func (*DB) Start(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	for _, d := range []cluster.Daemon{
		{Name: redisDaemon, Args: []string{"redis-server", redisConf(n)}, Dir: redisDir(n), Log: redisLog(n)},
		{Name: sentinelDaemon, Args: []string{"redis-sentinel", sentinelConf(n)}, Dir: sentinelDir(n), Log: sentinelLog(n)},
	} {
		if err := h.Start(ctx, d); err != nil {
			return fmt.Errorf("start %s on %s: %w", d.Name, n.Name(), err)
		}
	}
	return nil
}

// signal signals both daemons at once, so that neither sees the other gone, or stopped, for long.
func (d *DB) signal(ctx context.Context, n cluster.Node, s cluster.Signal) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	daemons := d.Daemons()
	errs := make([]error, len(daemons))
	var wg sync.WaitGroup
	for i, name := range daemons {
		wg.Go(func() { errs[i] = h.Signal(ctx, name, s) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Stop ends both daemons with SIGTERM and waits for their end. A primary may take up to 10 s to hand what it has
// to its replicas.
func (d *DB) Stop(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	// A Redis that is writing its first append-only file, as a replica does that was just filled, answers "can't
	// exit" to the signal and forgets it. So it is asked again.
	for {
		try, cancel := context.WithTimeout(ctx, stopAgain)
		err := d.signal(try, n, cluster.SigTerm)
		again := err != nil && try.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			return nil
		case !again:
			return fmt.Errorf("stop Redis on %s (its log may say why it does not end): %w", n.Name(), err)
		}
	}
}

// Kill ends both daemons with SIGKILL.
func (d *DB) Kill(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigKill)
}

// Pause stops every thread of both daemons.
func (d *DB) Pause(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigStop)
}

// Resume lets both daemons go on.
func (d *DB) Resume(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigCont)
}

// Wipe removes the data and the configuration of both daemons and looks whether they are gone. While one runs it
// is refused: the daemon would write its data again.
func (d *DB) Wipe(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	for _, name := range d.Daemons() {
		s, err := h.Status(ctx, name)
		if err != nil {
			return fmt.Errorf("ask whether %s runs on %s: %w", name, n.Name(), err)
		}
		if s.Running {
			return fmt.Errorf("wipe the data of Redis on %s: %s runs (pids %v): stop it first", n.Name(), name, s.Pids)
		}
	}
	return cluster.RemoveData(ctx, h, "Redis", redisDir(n), sentinelDir(n))
}
