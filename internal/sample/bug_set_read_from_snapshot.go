package sample

// setReadFromSnapshot: a replica that knows of no leader answers reads from its last snapshot.
func setReadFromSnapshot() Bug {
	return Bug{
		Name: "set-read-from-snapshot", Doc: "a replica that knows of no leader answers reads from its last snapshot",
		Workload: "set-full", Faults: []string{"partition:minority"}, Anomalies: []string{"stale-element"},
		change: func(s *steps) {
			s.read = func(r *replica, q *Request) {
				if r.lead != 0 {
					r.read(q)
					return
				}
				old, err := readState(r.disk.snap.GetData(), r.s.sizes)
				if err != nil {
					panic(err)
				}
				r.answer(q, q.spec.read(old, q.Op))
			}
		},
	}
}
