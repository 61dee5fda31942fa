package sample

// idsAfterSnapshot: a snapshot is written without the last id, so that after a start they begin anew.
func idsAfterSnapshot() Bug {
	return Bug{
		Name: "ids-after-snapshot", Doc: "a snapshot is written without the last id, so that after a start they begin anew",
		Workload: "unique-ids", Faults: []string{"kill:all"}, Anomalies: []string{"duplicate-id"},
		change: func(s *steps) {
			s.capture = func(st *state) []byte {
				c := *st
				c.IDs = nil
				return c.capture()
			}
		},
	}
}
