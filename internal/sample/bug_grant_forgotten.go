package sample

import "github.com/partita-dev/partita/history"

// grantForgotten: a snapshot is written without the locks that are held.
func grantForgotten() Bug {
	return Bug{
		Name: "grant-forgotten", Doc: "a snapshot is written without the locks that are held",
		Workload: "lock", Params: history.Params{"hold": "8s"}, Faults: []string{"kill:all"}, Anomalies: []string{"two-holders"},
		change: func(s *steps) {
			s.capture = func(st *state) []byte {
				c := *st
				c.Locks = nil
				return c.capture()
			}
		},
	}
}
