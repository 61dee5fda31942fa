package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// doubleGrant: a replica looks whether a lock is free as far as it knows, and nobody looks again.
func doubleGrant() Bug {
	return Bug{
		Name: "double-grant", Doc: "a replica looks whether a lock is free as far as it knows, and nobody looks again",
		Workload: "lock", Params: history.Params{"hold": "1s"}, Anomalies: []string{"two-holders"},
		change: func(s *steps) {
			const take = "take"
			s.effect = func(r *replica, q *Request) {
				if q.Op.F == "acquire" {
					if _, ok := r.state.Locks[q.Op.Key]; ok {
						r.answer(q, refused("held", "the lock is held"))
						return
					}
					q.Op.F = take
				}
				r.effect(q)
			}
			s.apply = func(r *replica, e *pb.Entry, c command) {
				switch {
				case c.F != take:
					r.apply(e, c)
				case r.state.fresh(c):
					r.answered(c, grant(r.state, c))
				}
			}
		},
	}
}
