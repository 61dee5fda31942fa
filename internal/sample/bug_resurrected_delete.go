package sample

import (
	"maps"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// resurrectedDelete: a replica that is sent a snapshot lays it over its own registers, and keeps those that are not in it.
func resurrectedDelete() Bug {
	return Bug{
		Name: "resurrected-delete", Doc: "a replica that is sent a snapshot lays it over its own registers, so that what was deleted is there again",
		Workload: "deletes", Params: history.Params{"keys": "300"}, Faults: []string{"partition:minority"},
		Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.install = func(r *replica, snap *pb.Snapshot) error {
				old := r.state.Registers
				err := r.restore(snap)
				if err == nil {
					maps.Copy(old, r.state.Registers)
					r.state.Registers = old
				}
				return err
			}
		},
	}
}
