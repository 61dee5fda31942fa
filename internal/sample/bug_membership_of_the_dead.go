package sample

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// membershipOfTheDead: a leader takes a member for dead when it was silent for a second, and its voice for given.
func membershipOfTheDead() Bug {
	return Bug{
		Name: "membership-of-the-dead", Doc: "a leader takes a member for dead that was silent for a second, and counts it among those who agree",
		Workload: "register", Faults: []string{"partition:primaries"}, Anomalies: []string{"stale-read", "lost-write", "lost-update", "nonlinearizable"},
		change: func(s *steps) {
			s.configure = func(c *raft.Config) { c.CheckQuorum = false }
			s.send = func(r *replica, m *pb.Message) {
				r.send(m)
				if !r.leads || r.s.now-max(r.heard[m.GetTo()], r.led) < time.Second {
					return
				}
				yes := &pb.Message{From: m.To, To: m.From, Term: m.Term}
				switch m.GetType() {
				case pb.MsgApp:
					yes.Type, yes.Index = pb.MsgAppResp.Enum(), new(m.GetIndex()+uint64(len(m.Entries)))
				case pb.MsgHeartbeat:
					yes.Type, yes.Context = pb.MsgHeartbeatResp.Enum(), m.Context
				default:
					return
				}
				r.later(netFrom, func() { r.receive(yes) })
			}
		},
	}
}
