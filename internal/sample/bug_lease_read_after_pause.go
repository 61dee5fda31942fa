package sample

import "go.etcd.io/raft/v3"

// leaseReadAfterPause: a leader answers reads by itself while its lease lasts, and its clock stands still while it is paused.
func leaseReadAfterPause() Bug {
	return Bug{
		Name: "lease-read-after-pause", Doc: "a leader answers reads by itself while its lease lasts, and its clock stands still while it is paused",
		Workload: "register", Faults: []string{"pause:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.configure = func(c *raft.Config) { c.ReadOnlyOption = raft.ReadOnlyLeaseBased }
		},
	}
}
