package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// snapshotNotInstalled: a replica that is sent a snapshot, since it is far behind, moves to its index and keeps its own data.
func snapshotNotInstalled() Bug {
	return Bug{
		Name: "snapshot-not-installed", Doc: "a replica that is sent a snapshot, since it is far behind, moves to its index and keeps its own data",
		Workload: "register", Params: history.Params{"keys": "300"}, Faults: []string{"partition:minority"}, Anomalies: []string{"aborted-read", "stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.install = func(r *replica, snap *pb.Snapshot) error {
				r.state.Applied = snap.GetMetadata().GetIndex()
				return nil
			}
		},
	}
}
