package sample

// lostWriteOnFailover: a leader acknowledges a blind effect when its own disk has it.
func lostWriteOnFailover() Bug {
	return Bug{
		Name: "lost-write-on-failover", Doc: "a leader acknowledges a blind effect when its own disk has it",
		Workload: "register", Faults: []string{"partition:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				leads := r.leads
				r.effect(q)
				if leads && q.spec.blind {
					r.fsync(func() { r.answer(q, result{value: q.Op.Value}) })
				}
			}
		},
	}
}
