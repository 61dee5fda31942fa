package sample

import (
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// nonAtomicTransfer: money is taken from one account and given to the other by two entries of the log.
func nonAtomicTransfer() Bug {
	return Bug{
		Name: "non-atomic-transfer", Doc: "money is taken from one account and given to the other by two entries of the log",
		Workload: "bank", Anomalies: []string{"wrong-total"},
		change: func(s *steps) {
			const give = "give"
			s.effect = func(r *replica, q *Request) {
				again := *q // what gives
				again.Op.F, again.done = give, func(history.Value, history.Value, error) {}
				done := q.done
				q.done = func(v, ext history.Value, err error) {
					if life := q.life; err == nil && r.up && r.life == life {
						r.run(func() { r.effect(&again) })
					}
					done(v, ext, err)
				}
				r.effect(q)
			}
			s.apply = func(r *replica, _ *pb.Entry, c command) {
				t, b, ok := r.state.transfer(c)
				switch {
				case !ok || !r.state.fresh(c):
				case c.F == give:
					b[t.To] += t.Amount
					r.answered(c, result{})
				case b[t.From] < t.Amount:
					r.answered(c, refused("insufficient", "there is not enough money"))
				default:
					b[t.From] -= t.Amount
					r.answered(c, result{value: c.Value})
				}
			}
		},
	}
}
