package sample

import (
	"slices"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// doubleDelivery: a replica delivers the oldest message that it knows of, and the others hear of it with the acknowledgement.
func doubleDelivery() Bug {
	return Bug{
		Name: "double-delivery", Doc: "a replica delivers the oldest message that it knows of, and the others hear of it with the acknowledgement",
		Workload: "queue", Params: history.Params{"delivery": "exactly-once", "abandon": "0"}, Anomalies: []string{"duplicate-item"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				if waiting := r.state.queue(q.Op.Key).Waiting; q.Op.F == deliver && len(waiting) > 0 {
					r.answer(q, result{value: waiting[0].Value, ext: history.Int(waiting[0].N)})
					return
				}
				r.effect(q)
			}
			s.apply = func(r *replica, e *pb.Entry, c command) {
				if c.F != acknowledge {
					r.apply(e, c)
					return
				}
				n, _ := c.Value.Int()
				q := r.state.queue(c.Key)
				q.Waiting = slices.DeleteFunc(q.Waiting, func(m message) bool { return m.N == n })
				r.answered(c, result{})
			}
		},
	}
}
