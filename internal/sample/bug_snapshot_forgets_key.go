package sample

import (
	"maps"
	"slices"
)

// snapshotForgetsKey: the last register of a snapshot is left out, as by a loop that ends one too early.
func snapshotForgetsKey() Bug {
	return Bug{
		Name: "snapshot-forgets-key", Doc: "a snapshot is written without its last register",
		Workload: "register", Faults: []string{"kill:all"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.capture = func(st *state) []byte {
				c := st.clone()
				if keys := slices.Sorted(maps.Keys(c.Registers)); len(keys) > 0 {
					delete(c.Registers, keys[len(keys)-1])
				}
				return c.capture()
			}
		},
	}
}
