package etcd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

const (
	daemon     = "etcd"
	clientPort = 2379
	peerPort   = 2380
)

// DB is the automation of etcd. It keeps nothing between calls, so that another process can go on with it.
type DB struct {
	version   string
	snapshots int // entries from one snapshot to the next, and as many stay behind it; 0: etcd's own numbers
}

var _ interface {
	cluster.Database
	cluster.Pauser
	cluster.Primaries
	cluster.LogFiles
} = DB{}

// New makes the automation. Parameters: "version", 3.4.23 (default) or one from 3.5.0 on; "snapshot-count", after how many
// entries a member writes a snapshot, and how many it keeps for others that are behind (0: etcd's own numbers).
func New(p history.Params) (cluster.Database, error) {
	version, err := versionOf(p)
	if err != nil {
		return nil, err
	}
	snapshots, err := p.Int("snapshot-count", 0)
	if err != nil {
		return nil, err
	}
	if snapshots < 0 {
		return nil, fmt.Errorf("parameter snapshot-count=%d: expected 0 or more entries", snapshots)
	}
	return DB{version, snapshots}, nil
}

func hostOf(n cluster.Node) (cluster.Host, error) { return cluster.HostOf(n, "etcd") }

func dataDir(n cluster.Node) string { return path.Join(n.Dir(), "etcd") }
func logFile(n cluster.Node) string { return path.Join(n.Dir(), "logs", "etcd.log") }

// Daemons is ["etcd"].
func (DB) Daemons() []string { return []string{daemon} }

// LogFiles names the log that holds the server's stderr.
func (DB) LogFiles(n cluster.Node) []string { return []string{logFile(n)} }

// Setup checks that the server is there, in the version that was asked for, makes its folders and removes the log of an earlier run.
func (d DB) Setup(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	said, err := h.Exec(ctx, cluster.Cmd{Args: []string{"etcd", "--version"}})
	if err != nil {
		return fmt.Errorf("find the etcd server on %s (Debian's package etcd-server has it): %w", n.Name(), err)
	}
	if d.version != "" && d.version != debian && !strings.Contains(string(said.Stdout), "etcd Version: "+d.version+"\n") {
		return fmt.Errorf("find etcd %s on %s: the node has another version; only nodes with an image of their own, which this run makes, get the one of --version: %.80s", d.version, n.Name(), said.Stdout)
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{"mkdir", "-p", "--", path.Dir(dataDir(n)), path.Dir(logFile(n))}}); err != nil {
		return fmt.Errorf("make the folders of etcd: %w", err)
	}
	if _, err := h.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-f", "--", logFile(n)}}); err != nil {
		return fmt.Errorf("remove the old log of etcd: %w", err)
	}
	return nil
}

// Start starts the member. Addresses are resolved anew each time; those of the peers count only at the very
// first start, after which the members know one another from their data.
func (d DB) Start(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	settings, err := settingsOf(ctx, c, n)
	if err != nil {
		return fmt.Errorf("start etcd on %s: %w", n.Name(), err)
	}
	args, file := d.command(n, settings)
	if file != "" {
		if err := h.Put(ctx, configFile(n), strings.NewReader(file), 0o644); err != nil {
			return fmt.Errorf("write the configuration of etcd on %s: %w", n.Name(), err)
		}
	}
	return h.Start(ctx, cluster.Daemon{Name: daemon, Args: args, Dir: n.Dir(), Log: logFile(n)})
}

func settingsOf(ctx context.Context, c *cluster.Cluster, n cluster.Node) ([]setting, error) {
	var self netip.Addr
	var members []string
	for _, m := range c.Nodes {
		a, err := cluster.Address(ctx, m)
		if err != nil {
			return nil, err
		}
		if m.Name() == n.Name() {
			self = a
		}
		members = append(members, m.Name()+"="+url(a, peerPort))
	}
	if !self.IsValid() {
		return nil, fmt.Errorf("%s is no node of the cluster %v", n.Name(), c.Names())
	}
	listen := url(self, clientPort)
	if !self.IsLoopback() { // nodes that are loopback addresses of one machine have no loopback of their own
		listen += "," + url(netip.AddrFrom4([4]byte{127, 0, 0, 1}), clientPort)
	}
	return []setting{
		{"name", n.Name()},
		{"data-dir", dataDir(n)},
		{"listen-peer-urls", url(self, peerPort)},
		{"initial-advertise-peer-urls", url(self, peerPort)},
		{"listen-client-urls", listen},
		{"advertise-client-urls", url(self, clientPort)},
		{"initial-cluster", strings.Join(members, ",")},
		{"initial-cluster-token", c.ID},
		{"initial-cluster-state", "new"},
		{"logger", "zap"},
		{"log-outputs", "stderr"},
	}, nil
}

func url(a netip.Addr, port int) string {
	return "http://" + net.JoinHostPort(a.String(), strconv.Itoa(port))
}

func (DB) signal(ctx context.Context, n cluster.Node, s cluster.Signal) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	return h.Signal(ctx, daemon, s)
}

// Stop ends the member with SIGTERM and waits for its end.
func (d DB) Stop(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigTerm)
}

// Kill ends the member with SIGKILL.
func (d DB) Kill(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigKill)
}

// Pause stops every thread of the member.
func (d DB) Pause(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigStop)
}

// Resume lets the member go on.
func (d DB) Resume(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.signal(ctx, n, cluster.SigCont)
}

// Wipe removes the member's data and looks whether it is gone. A member that runs is refused: it would
// write its data again.
func (DB) Wipe(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	h, err := hostOf(n)
	if err != nil {
		return err
	}
	s, err := h.Status(ctx, daemon)
	if err != nil {
		return fmt.Errorf("ask whether etcd runs on %s: %w", n.Name(), err)
	}
	if s.Running {
		return fmt.Errorf("wipe the data of etcd on %s: the server runs (pids %v): stop it first", n.Name(), s.Pids)
	}
	return cluster.RemoveData(ctx, h, "etcd", dataDir(n))
}
