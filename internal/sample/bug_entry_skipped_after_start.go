package sample

import pb "go.etcd.io/raft/v3/raftpb"

// entrySkippedAfterStart: a replica that is started again skips the first entry behind its snapshot.
func entrySkippedAfterStart() Bug {
	return Bug{
		Name: "entry-skipped-after-start", Doc: "a replica that is started again skips the first entry behind its snapshot",
		Workload: "set", Faults: []string{"kill"}, Anomalies: []string{"diverged", "lost-element"},
		change: func(s *steps) {
			s.apply = func(r *replica, e *pb.Entry, c command) {
				if r.life > 1 && e.GetIndex() == r.disk.snap.GetMetadata().GetIndex()+1 {
					return
				}
				r.apply(e, c)
			}
		},
	}
}
