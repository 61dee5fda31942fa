package sample

import "time"

// neverRecovers: a replica that knew of no leader for two seconds serves no client any more until it is started again.
func neverRecovers() Bug {
	return Bug{
		Name: "never-recovers", Doc: "a replica that knew of no leader for two seconds serves no client any more until it is started again",
		Workload: "register", Faults: []string{"partition:minority"}, Anomalies: []string{"never-recovered"},
		change: func(s *steps) {
			s.orphaned = func(r *replica) {
				lost := r.s.now
				r.later(2*time.Second, func() { r.gone = r.gone || r.led <= lost })
			}
			read, effect := s.read, s.effect
			s.read = func(r *replica, q *Request) {
				if !r.gone {
					read(r, q)
				}
			}
			s.effect = func(r *replica, q *Request) {
				if !r.gone {
					effect(r, q)
				}
			}
		},
	}
}
