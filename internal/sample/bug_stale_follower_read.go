package sample

// staleFollowerRead: a replica answers reads from its own memory, and asks nobody whether that is new.
func staleFollowerRead() Bug {
	return Bug{
		Name: "stale-follower-read", Doc: "a replica answers reads from its own memory, and asks nobody whether that is new",
		Workload: "register", Faults: []string{"partition:minority"}, Anomalies: []string{"stale-read"},
		change: func(s *steps) { s.read = (*replica).look },
	}
}
