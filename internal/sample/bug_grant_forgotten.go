package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// grantForgotten: a replica that starts again does not learn from its log who holds a lock.
func grantForgotten() Bug {
	return Bug{
		Name: "grant-forgotten", Doc: "a replica that starts again does not learn from its log who holds a lock",
		Workload: "lock", Params: history.Params{"hold": "8s"}, Faults: []string{"kill:all"}, Anomalies: []string{"two-holders"},
		change: func(s *steps) {
			s.apply = func(r *replica, e *pb.Entry, c command) {
				if c.F != "acquire" || e.GetIndex() > r.began {
					r.apply(e, c)
				}
			}
		},
	}
}
