package sample

// casChecksHere: a replica compares with the value that it knows itself, and proposes a plain write.
func casChecksHere() Bug {
	return Bug{
		Name: "cas-checks-here", Doc: "a replica compares with the value that it knows itself, and proposes a plain write",
		Workload: "register", Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				if q.Op.F == "cas" {
					from, to, _ := q.Op.Value.Pair()
					if r.state.Registers[q.Op.Key] != from {
						r.answer(q, refused("cas-mismatch", "another value is there"))
						return
					}
					q.Op.F, q.Op.Value = "write", to
				}
				r.effect(q)
			}
		},
	}
}
