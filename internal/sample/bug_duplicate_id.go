package sample

import "github.com/partita-dev/partita/history"

// duplicateID: a replica gives the id that comes next as far as it knows, and tells the others later.
func duplicateID() Bug {
	return Bug{
		Name: "duplicate-id", Doc: "a replica gives the id that comes next as far as it knows, and tells the others later",
		Workload: "unique-ids", Anomalies: []string{"duplicate-id"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				r.effect(q)
				r.answer(q, result{value: history.Int(r.state.IDs[q.Op.Key] + 1)})
			}
		},
	}
}
