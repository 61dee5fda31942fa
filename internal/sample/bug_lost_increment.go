package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// lostIncrement: a replica adds to the counter that it knows itself, and proposes the sum.
func lostIncrement() Bug {
	return Bug{
		Name: "lost-increment", Doc: "a replica adds to the counter that it knows itself, and proposes the sum",
		Workload: "counter", Anomalies: []string{"counter-too-low"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				n, _ := q.Op.Value.Int()
				q.Op.F, q.Op.Value = "set", history.Int(r.state.Counters[q.Op.Key]+n)
				r.effect(q)
			}
			s.apply = func(r *replica, e *pb.Entry, c command) {
				if n, ok := c.Value.Int(); ok && r.state.fresh(c) {
					r.state.Counters[c.Key] = n
					r.answered(c, result{})
				}
			}
		},
	}
}
