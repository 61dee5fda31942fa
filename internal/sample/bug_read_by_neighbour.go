package sample

// readByNeighbour: a replica hands every other read to its neighbour, who answers by what it knows.
func readByNeighbour() Bug {
	return Bug{
		Name: "read-by-neighbour", Doc: "a replica hands every other read to its neighbour, who answers by what it knows",
		Workload: "monotonic", Faults: []string{"partition:minority"}, Anomalies: []string{"own-write-not-read", "read-went-back"},
		change: func(s *steps) {
			turn := map[*replica]bool{}
			s.read = func(r *replica, q *Request) {
				if turn[r] = !turn[r]; turn[r] {
					r.read(q)
					return
				}
				if n := r.s.replicas[r.id%uint64(len(r.s.replicas))]; n.up && !n.paused {
					r.answer(q, q.spec.read(n.state, q.Op))
				}
			}
		},
	}
}
