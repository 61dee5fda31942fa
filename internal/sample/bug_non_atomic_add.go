package sample

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// nonAtomicAdd: a replica adds an element to the set that it knows itself, and proposes the whole.
func nonAtomicAdd() Bug {
	const whole = "whole"
	return Bug{
		Name: "non-atomic-add", Doc: "a replica adds an element to the set that it knows itself, and proposes the whole",
		Workload: "set", Anomalies: []string{"lost-element"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				n, _ := q.Op.Value.Int()
				done := q.done
				q.done = func(_, ext history.Value, err error) { done(history.Int(n), ext, err) }
				q.Op.F, q.Op.Value = whole, elements(with(slices.Clone(r.state.Sets[q.Op.Key]), n))
				r.effect(q)
			}
			s.apply = func(r *replica, e *pb.Entry, c command) {
				var set []int64
				if c.F != whole || c.Value.Decode(&set) != nil {
					r.apply(e, c)
					return
				}
				r.state.Sets[c.Key] = set
				r.answered(c, result{})
			}
		},
	}
}
