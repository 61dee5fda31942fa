package sample

import "time"

// unfsyncedLog: the log is on disk only once a second, and what comes after is acknowledged all the same.
func unfsyncedLog() Bug {
	return Bug{
		Name: "unfsynced-log", Doc: "the log is on disk only once a second, and what comes after is acknowledged all the same",
		Workload: "register", Faults: []string{"kill:all"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.fsync = func(r *replica, then func()) {
				if r.s.now-r.flushed < time.Second {
					r.later(fsyncFrom, then)
					return
				}
				r.flushed = r.s.now
				r.fsync(then)
			}
		},
	}
}
