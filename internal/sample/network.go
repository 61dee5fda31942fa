package sample

import (
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/cluster"
)

// What the network does to a message.
const (
	netFrom    = 150 * time.Microsecond // the delay of most
	netTo      = 900 * time.Microsecond
	lateTo     = 40 * time.Millisecond // of one that is overtaken by many
	perLate    = 100                   // one in so many is late,
	perLost    = 500                   // lost,
	perDoubled = 300                   // comes once more, late
)

// network is who does not hear whom. A message is lost where it would arrive, as by a rule in INPUT.
type network struct {
	deaf map[[2]uint64]bool // from, to
}

// send carries a message to its replica, or not.
func (r *replica) send(m *pb.Message) {
	if m.GetType() == pb.MsgSnap {
		m = copied(m)
	}
	if r.rng.IntN(perLost) == 0 {
		r.vanished(m)
		return
	}
	d := r.between(netFrom, netTo)
	if r.rng.IntN(perLate) == 0 {
		d = r.between(netTo, lateTo)
	}
	r.carry(m, d)
	if r.rng.IntN(perDoubled) == 0 {
		r.carry(copied(m), r.between(netTo, lateTo))
	}
}

// carry makes a message arrive in d.
func (r *replica) carry(m *pb.Message, d time.Duration) {
	to := r.s.replicas[m.GetTo()-1]
	life := to.life
	r.s.after(&r.owner, d, func() {
		if r.s.net.deaf[[2]uint64{r.id, to.id}] || !to.up || m.GetType() == pb.MsgSnap && to.life != life {
			r.vanished(m)
			return
		}
		to.run(func() {
			to.heard[r.id] = r.s.now
			to.receive(m)
		})
		if m.GetType() == pb.MsgSnap {
			r.reported(m, raft.SnapshotFinish)
		}
	})
}

// vanished tells the sender what it must know of a message that did not arrive: raft waits for word of a snapshot.
func (r *replica) vanished(m *pb.Message) {
	if m.GetType() == pb.MsgSnap {
		r.reported(m, raft.SnapshotFailure)
	}
}

func (r *replica) reported(m *pb.Message, s raft.SnapshotStatus) {
	r.later(100*time.Millisecond, func() {
		r.rn.ReportSnapshot(m.GetTo(), s)
		r.pump()
	})
}

// copied is a message that may go its own way: raft writes into proposals and into what it forwards.
func copied(m *pb.Message) *pb.Message {
	c := &pb.Message{
		Type: m.Type, To: m.To, From: m.From, Term: m.Term, LogTerm: m.LogTerm, Index: m.Index, Entries: m.Entries, Commit: m.Commit,
		Vote: m.Vote, Snapshot: m.Snapshot, Reject: m.Reject, RejectHint: m.RejectHint, Context: m.Context,
	}
	if m.GetType() == pb.MsgProp {
		c.Entries = make([]*pb.Entry, len(m.Entries))
		for i, e := range m.Entries {
			c.Entries[i] = &pb.Entry{Type: e.Type, Data: e.Data}
		}
	}
	return c
}

// probes is how many numbered probes go over an edge for one piece of evidence.
const probes = 5

// Reach sends probes over edges, each of them lost as a message is.
func (s *Store) Reach(edges []cluster.Edge) []cluster.Evidence {
	out := make([]cluster.Evidence, 0, len(edges))
	for _, e := range edges {
		ev := cluster.Evidence{Edge: e}
		from, err := s.replica(e.From)
		if err == nil {
			var to *replica
			if to, err = s.replica(e.To); err == nil {
				for _, kind := range []string{"old", "fresh"} {
					f := cluster.Flow{Family: "memory", Kind: kind, Sent: probes}
					for range probes {
						if s.clients.rng.IntN(perLost) > 0 && !s.net.deaf[[2]uint64{from.id, to.id}] {
							f.Heard++
						}
					}
					ev.Flows = append(ev.Flows, f)
				}
			}
		}
		if err != nil {
			ev.Err = err.Error()
		}
		out = append(out, ev)
	}
	return out
}
