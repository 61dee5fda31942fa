package sample

// snapshotWithoutDeliveries: a snapshot holds the messages that wait, and not those that are delivered and unacknowledged.
func snapshotWithoutDeliveries() Bug {
	return Bug{
		Name: "snapshot-without-deliveries", Doc: "a snapshot holds the messages that wait, and not those that are delivered and unacknowledged",
		Workload: "queue", Faults: []string{"kill:all"}, Anomalies: []string{"lost-item"},
		change: func(s *steps) {
			s.capture = func(st *state) []byte {
				c := *st
				c.Queues = map[string]*queue{}
				for key, q := range st.Queues {
					some := *q
					some.Out = nil
					c.Queues[key] = &some
				}
				return c.capture()
			}
		},
	}
}
