package sample

// counterDrifts: an add that comes twice, since a replica tried again or the network doubled it, is added twice.
func counterDrifts() Bug {
	return Bug{
		Name: "counter-drifts", Doc: "an add that comes twice, since a replica tried again or the network doubled it, is added twice",
		Workload: "counter", Faults: []string{"partition:primaries"}, Anomalies: []string{"counter-too-high"},
		change: func(s *steps) {
			s.fresh = func(*state, command) bool { return true }
		},
	}
}
