package sample

import "github.com/partita-dev/partita/history"

// retriedEffectTwice: an effect that comes twice, since a replica tried again or the network doubled it, is carried out twice.
func retriedEffectTwice() Bug {
	return Bug{
		Name: "retried-effect-twice", Doc: "an effect that comes twice, since a replica tried again or the network doubled it, is carried out twice",
		Workload: "register", Params: history.Params{"keys": "1"}, Faults: []string{"partition:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.fresh = func(*state, command) bool { return true }
		},
	}
}
