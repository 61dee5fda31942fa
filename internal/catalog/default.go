package catalog

import (
	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/linear"
	etcdclient "github.com/partita-dev/partita/clients/etcd"
	"github.com/partita-dev/partita/docker/etcd"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Default is what Partita itself brings.
func Default() *Catalog {
	return &Catalog{
		Targets: []Target{{
			Name: "etcd", Doc: "etcd 3.4.23 from Debian, a key-value store on Raft.", Default: "register",
			Image: etcd.Image, DB: etcd.New, Driver: etcdclient.New,
			Flags: func(fs *pflag.FlagSet) {
				fs.String("read-mode", "linearizable", "of reads: linearizable, or serializable, which may be stale by promise")
			},
		}},
		Workloads: []workloads.Workload{workloads.Register(), workloads.Set()},
		Faults:    nemesis.Kinds(),
		Checkers: []checker.Spec{
			linear.Register(), checker.Set(), checker.Stats(), checker.Coverage(),
		},
	}
}
