package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// tokenGoesBack: the fencing token is a number of the replica that gives it, and not of the store.
func tokenGoesBack() Bug {
	return Bug{
		Name: "token-goes-back", Doc: "the fencing token is a number of the replica that gives it, and not of the store",
		Workload: "lock", Params: history.Params{"hold": "1s"}, Anomalies: []string{"token-went-back", "token-reused"},
		change: func(s *steps) {
			s.apply = func(r *replica, _ *pb.Entry, c command) {
				if !r.state.fresh(c) {
					return
				}
				res := perform(r.state, c)
				if c.F == "acquire" && res.err == nil {
					res.ext = history.Int(int64(c.Seq))
				}
				r.answered(c, res)
			}
		},
	}
}
