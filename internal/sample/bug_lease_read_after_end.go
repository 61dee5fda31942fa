package sample

import "go.etcd.io/raft/v3"

// leaseReadAfterEnd: a leader answers reads by itself, and never asks whether it still leads.
func leaseReadAfterEnd() Bug {
	return Bug{
		Name: "lease-read-after-end", Doc: "a leader answers reads by itself, and never asks whether it still leads",
		Workload: "register", Faults: []string{"partition:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.configure = func(c *raft.Config) { c.CheckQuorum = false }
			s.read = func(r *replica, q *Request) {
				if r.leads {
					r.look(q)
					return
				}
				r.read(q)
			}
		},
	}
}
