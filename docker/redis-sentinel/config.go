package redissentinel

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

func redisDir(n cluster.Node) string    { return path.Join(n.Dir(), redisDaemon) }
func sentinelDir(n cluster.Node) string { return path.Join(n.Dir(), sentinelDaemon) }

// The configuration lies with the data, because the daemons rewrite it as they do the data: a wipe takes both.
func redisConf(n cluster.Node) string    { return path.Join(redisDir(n), "redis.conf") }
func sentinelConf(n cluster.Node) string { return path.Join(sentinelDir(n), "sentinel.conf") }

func redisLog(n cluster.Node) string    { return path.Join(n.Dir(), "logs", "redis.log") }
func sentinelLog(n cluster.Node) string { return path.Join(n.Dir(), "logs", "sentinel.log") }

// files gives what Setup writes for n: the configuration of redis and of sentinel.
func (d *DB) files(ctx context.Context, c *cluster.Cluster, n cluster.Node) (redis, sentinel string, err error) {
	if _, err := c.Node(n.Name()); err != nil {
		return "", "", err
	}
	self, err := cluster.Address(ctx, n)
	if err != nil {
		return "", "", err
	}
	first, err := cluster.Address(ctx, c.Nodes[0])
	if err != nil {
		return "", "", err
	}
	common := func(port int, dir string) []string {
		return []string{
			"port " + strconv.Itoa(port), "bind " + bind(self), "protected-mode no", "daemonize no", `logfile ""`,
			"dir " + strconv.Quote(dir),
		}
	}
	r := append(common(redisPort, redisDir(n)),
		"appendonly yes", "appendfsync everysec", `save ""`,
		"repl-diskless-sync yes", "repl-diskless-sync-delay 0",
		"replica-announce-ip "+self.String(),
		"min-replicas-to-write "+strconv.Itoa(d.minReplicas),
	)
	if n.Name() != c.Nodes[0].Name() {
		r = append(r, fmt.Sprintf("replicaof %s %d", first, redisPort))
	}
	s := append(common(sentinelPort, sentinelDir(n)),
		"sentinel announce-ip "+self.String(),
		fmt.Sprintf("sentinel monitor %s %s %d %d", primaryName, first, redisPort, len(c.Nodes)/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", primaryName, downAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s %d", primaryName, failoverTimeout.Milliseconds()),
	)
	for _, m := range c.Nodes[1:] {
		a, err := cluster.Address(ctx, m)
		if err != nil {
			return "", "", err
		}
		s = append(s, fmt.Sprintf("sentinel known-replica %s %s %d", primaryName, a, redisPort))
	}
	return strings.Join(r, "\n") + "\n", strings.Join(s, "\n") + "\n", nil
}

// bind is where a daemon listens: everywhere, but for nodes that are loopback addresses of one machine only there.
func bind(self netip.Addr) string {
	if self.IsLoopback() {
		return self.String()
	}
	return "* -::*"
}
