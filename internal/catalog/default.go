package catalog

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	"github.com/partita-dev/partita/checker/txn"
	etcdclient "github.com/partita-dev/partita/clients/etcd"
	postgresclient "github.com/partita-dev/partita/clients/postgres"
	redisclient "github.com/partita-dev/partita/clients/redis"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker/etcd"
	"github.com/partita-dev/partita/docker/postgresql"
	redissentinel "github.com/partita-dev/partita/docker/redis-sentinel"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/sample/simulate"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Default is what Partita itself brings.
func Default() *Catalog {
	return &Catalog{
		Targets: []Target{{
			Name: "etcd", Doc: "etcd 3.4.23 from Debian, a key-value store on Raft.", Default: "register",
			Image: etcd.Image, Files: etcd.Files, Programs: []cluster.Program{{Name: "etcd", Package: "etcd-server"}}, DB: etcd.New, Driver: etcdclient.New,
			Flags: func(fs *pflag.FlagSet) {
				fs.String("version", "3.4.23", "of the server: Debian's 3.4.23, or any from 3.5.0 on, such as 3.5.7, which is built here from its Go module")
				fs.Int("snapshot-count", 0, "after how many entries a member writes a snapshot, and how many it keeps for members that are behind; 0: etcd's own numbers")
				fs.String("read-mode", "linearizable", "of reads: linearizable, or serializable, which may be stale by promise")
			},
		}, {
			Name: "redis-sentinel", Doc: "Redis 7.0.15 from Debian, a primary and replicas that Sentinel watches.", Default: "set",
			Image:    redissentinel.Image,
			Programs: []cluster.Program{{Name: "redis-server", Package: "redis-server"}, {Name: "redis-sentinel", Package: "redis-sentinel"}}, DB: redissentinel.New, Driver: redisclient.New,
			Flags: func(fs *pflag.FlagSet) {
				fs.Int("wait", 0, "how many replicas must have a write before it is acknowledged (the WAIT command)")
				fs.Int("min-replicas", 0, "without how many replicas a primary refuses writes (min-replicas-to-write)")
			},
		}, {
			Name: "postgresql", Doc: "PostgreSQL 15 from Debian, a primary and standbys that stream from it.", Default: "register",
			Image: postgresql.Image, DB: postgresql.New, Driver: postgresclient.New,
			Flags: func(fs *pflag.FlagSet) {
				fs.String("isolation", "serializable", "of transactions: read-committed, repeatable-read or serializable")
				fs.String("reads", "primary", "where what only reads goes: primary, standby or both")
				fs.String("replication", "async", "whether a commit waits until a standby has it: async or sync")
			},
		}, {
			Name: "sample", Doc: "A replicated store inside this process, on Raft: no Docker, no root, and bugs to switch on.", Default: "register",
			DB: sample.NewDatabase, Driver: sample.NewDriver, Provider: sample.NewProvider, Rung: sample.ProviderName, Simulate: simulate.Run,
			Flags: func(fs *pflag.FlagSet) {
				fs.Duration("visibility", time.Second, "how long a delivery of a queue waits for its acknowledgement before the message comes back")
				fs.Int("abandon", 20, "one delivery of so many is given up by its client unacknowledged, so that the message must come back; 0: none")
				fs.String("bug", "", "what it does wrong, by name: "+strings.Join(sample.BugNames(), ", "))
			},
		}},
		Workloads: []workloads.Workload{
			workloads.Register(), workloads.Deletes(), workloads.Set(), workloads.Counter(), workloads.UniqueIDs(), workloads.Bank(), workloads.Lock(),
			workloads.Queue(), workloads.Stack(), workloads.SetFull(), workloads.Monotonic(),
		},
		Faults:   nemesis.Kinds(),
		Checkers: slices.Concat(linear.All(), checker.OnePass(), txn.All()),
	}
}
