package sample

import "github.com/partita-dev/partita/history"

// stackPopsWhatItSees: a replica answers a pop by the top that it knows of, and something else may be on top when it is popped.
func stackPopsWhatItSees() Bug {
	return Bug{
		Name: "stack-pops-what-it-sees", Doc: "a replica answers a pop by the top that it knows of, and something else may be on top when it is popped",
		Workload: "stack", Anomalies: []string{"element-twice"},
		change: func(s *steps) {
			s.effect = func(r *replica, q *Request) {
				if s := r.state.Stacks[q.Op.Key]; q.Op.F == "pop" && len(s) > 0 {
					top, done := s[len(s)-1], q.done
					q.done = func(_, ext history.Value, err error) { done(top, ext, err) }
				}
				r.effect(q)
			}
		},
	}
}
