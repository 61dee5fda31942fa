package sample

import (
	"maps"
	"slices"

	"github.com/partita-dev/partita/history"
)

// snapshotForgetsKey: a snapshot holds 16 registers, and forgets the others.
func snapshotForgetsKey() Bug {
	return Bug{
		Name: "snapshot-forgets-key", Doc: "a snapshot holds 16 registers, and forgets the others",
		Workload: "register", Params: history.Params{"keys": "300"}, Faults: []string{"kill:all"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.capture = func(st *state) []byte {
				c := *st
				c.Registers = map[string]history.Value{}
				for _, k := range slices.Sorted(maps.Keys(st.Registers))[:min(16, len(st.Registers))] {
					c.Registers[k] = st.Registers[k]
				}
				return c.capture()
			}
		},
	}
}
