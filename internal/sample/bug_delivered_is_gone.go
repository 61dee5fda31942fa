package sample

import pb "go.etcd.io/raft/v3/raftpb"

// deliveredIsGone: a message is gone when it is delivered, and does not wait for its acknowledgement.
func deliveredIsGone() Bug {
	return Bug{
		Name: "delivered-is-gone", Doc: "a message is gone when it is delivered, and does not wait for its acknowledgement",
		Workload: "queue", Anomalies: []string{"lost-item"},
		change: func(s *steps) {
			s.apply = func(r *replica, e *pb.Entry, c command) {
				if c.F == acknowledge {
					r.answered(c, result{})
					return
				}
				r.apply(e, c)
				r.state.queue(c.Key).Out = nil
			}
		},
	}
}
