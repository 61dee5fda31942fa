package sample

import pb "go.etcd.io/raft/v3/raftpb"

// overdraft: a replica looks at the balance that it knows itself, and nobody looks again.
func overdraft() Bug {
	return Bug{
		Name: "overdraft", Doc: "a replica looks at the balance that it knows itself, and nobody looks again",
		Workload: "bank", Anomalies: []string{"negative-balance"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				t, b, ok := r.state.transfer(command{Key: q.Op.Key, Value: q.Op.Value})
				if !ok || b[t.From] < t.Amount {
					r.answer(q, refused("insufficient", "there is not enough money"))
					return
				}
				r.effect(q)
			}
			s.apply = func(r *replica, _ *pb.Entry, c command) {
				if t, b, ok := r.state.transfer(c); ok && r.state.fresh(c) {
					b[t.From] -= t.Amount
					b[t.To] += t.Amount
					r.answered(c, result{value: c.Value})
				}
			}
		},
	}
}
