package sample

// ackBeforeCommit: a blind effect is acknowledged when it was proposed, before a majority has it.
func ackBeforeCommit() Bug {
	return Bug{
		Name: "ack-before-commit", Doc: "a blind effect is acknowledged when it was proposed, before a majority has it",
		Workload: "register", Faults: []string{"partition:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				r.effect(q)
				if q.spec.blind {
					r.answer(q, result{value: q.Op.Value})
				}
			}
		},
	}
}
