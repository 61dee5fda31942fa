package sample

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/clients"
)

// The clockwork of a replica.
const (
	tick          = 10 * time.Millisecond
	heartbeatTick = 2
	electionTick  = 10
	fsyncFrom     = 100 * time.Microsecond
	fsyncTo       = 500 * time.Microsecond
	restartAfter  = 500 * time.Millisecond // of a replica that panicked
	snapshotEvery = 300                    // entries
	snapshotKeep  = 100                    // entries that stay behind a snapshot, for replicas that are not far behind
	mostBacklog   = 10_000                 // messages that wait for a replica that is paused
)

// errRefused is what a client gets of a replica that does not run.
var errRefused = clients.NotDone(clients.Coded(clients.CodeUnreachable, errors.New("connection refused: the replica does not run")))

// replica is one member of the store. What is below rn is gone when it ends.
type replica struct {
	owner
	s    *Store
	id   uint64
	name string
	disk *disk
	log  journal

	up, paused bool
	asked      bool     // it ended because it was told to
	crashes    int      // how often it ended by itself
	life       uint64   // counts its starts: what was meant for an earlier life is dropped
	began      uint64   // the last index of its log when it started
	backlog    []func() // what came while it was paused,
	clients    []func() // and of it what its clients sent

	rn       *raft.RawNode
	patience *int // raft's randomizedElectionTimeout
	busy     bool // a Ready is being carried out
	lead     uint64
	leads    bool
	led      time.Duration            // when it came to know its leader
	heard    map[uint64]time.Duration // of a bug: when a member was last heard
	flushed  time.Duration            // of a bug: when its disk was last written to
	gone     bool                     // of a bug: it serves nobody
	state    *state
	service
}

func newReplica(s *Store, id uint64, n int) *replica {
	return &replica{owner: newOwner(s.seed, id), s: s, id: id, name: fmt.Sprintf("n%d", id), disk: newDisk(n), asked: true}
}

// later makes f happen in this life of the replica.
func (r *replica) later(d time.Duration, f func()) {
	life := r.life
	r.s.after(&r.owner, d, func() {
		if r.up && r.life == life {
			r.run(f)
		}
	})
}

// run does f now, or when the replica is no longer paused. A panic (of raft, that finds what a bug broke) is a crash.
func (r *replica) run(f func()) {
	if r.paused {
		if len(r.backlog) < mostBacklog {
			r.backlog = append(r.backlog, f)
		}
		return
	}
	defer func() {
		if p := recover(); p != nil {
			r.note("panic: %v", p)
			r.crashes++
			r.kill()
			r.asked = false
			r.s.after(&r.owner, restartAfter, func() {
				if !r.asked {
					r.start()
				}
			})
		}
	}()
	f()
}

func (r *replica) start() {
	if r.up {
		return
	}
	r.up, r.asked, r.paused = true, false, false
	r.life++
	r.lead, r.leads, r.busy, r.led, r.gone = 0, false, false, 0, false
	r.heard = map[uint64]time.Duration{}
	r.service = service{}
	r.began = r.disk.base + uint64(len(r.disk.entries))
	r.note("start: log up to %d, snapshot at %d", r.began, r.disk.snap.GetMetadata().GetIndex())
	r.run(func() {
		if err := r.restore(r.disk.snap); err != nil {
			panic(err)
		}
		c := raft.Config{
			ID: r.id, ElectionTick: electionTick, HeartbeatTick: heartbeatTick, Storage: r.disk, Applied: r.disk.snap.GetMetadata().GetIndex(),
			MaxSizePerMsg: 1 << 20, MaxCommittedSizePerReady: math.MaxUint64, MaxInflightMsgs: 256, CheckQuorum: true, PreVote: true,
			Logger: &raftLog{r},
		}
		r.s.steps.configure(&c)
		rn, err := raft.NewRawNode(&c)
		if err != nil {
			panic(err)
		}
		r.rn = rn
		r.patience = (*int)(reflect.ValueOf(rn).Elem().FieldByName("raft").Elem().FieldByName("randomizedElectionTimeout").Addr().UnsafePointer())
		r.wait()
		r.later(r.between(0, tick), r.tick)
		r.later(retryEvery, r.retry)
	})
}

// wait gives raft an election timeout from the seed: raft draws its own, from a source that nobody can seed, and has no
// option for it. Ours is never one that raft draws, so that a new draw of raft's is noticed.
func (r *replica) wait() {
	if *r.patience < 2*electionTick {
		*r.patience = 2*electionTick + r.rng.IntN(electionTick)
	}
}

func (r *replica) tick() {
	r.rn.Tick()
	r.pump()
	r.later(tick, r.tick)
}

func (r *replica) receive(m *pb.Message) {
	_ = r.rn.Step(m) // what raft refuses is as if it had been lost
	r.pump()
}

func (r *replica) stop() {
	if r.up {
		r.disk.fsync(len(r.disk.pending))
	}
	r.kill()
}

func (r *replica) kill() {
	r.asked = true
	if !r.up {
		return
	}
	r.up, r.paused, r.backlog, r.clients = false, false, nil, nil
	r.rn, r.leads, r.lead = nil, false, 0
	r.disk.crash(r.rng.IntN(len(r.disk.pending) + 1))
	r.note("end")
	r.hangUp()
}

func (r *replica) pause() {
	if r.up {
		r.paused = true
	}
}

// resume does what came while the replica stood still. Whoever wakes up finds all its connections full, and reads them
// in any order: this one listens to its clients first.
func (r *replica) resume() {
	if !r.paused {
		return
	}
	r.paused = false
	todo := append(r.clients, r.backlog...)
	r.clients, r.backlog = nil, nil
	life := r.life
	for _, f := range todo {
		if r.up && r.life == life {
			r.run(f)
		}
	}
}

// pump does what raft wants done: write, fsync, and only then send and apply.
func (r *replica) pump() {
	for !r.busy && r.rn.HasReady() {
		r.wait()
		rd := r.rn.Ready()
		if s := rd.SoftState; s != nil {
			r.role(s)
		}
		r.write(rd)
		if !rd.MustSync && raft.IsEmptySnap(rd.Snapshot) {
			r.finish(rd)
			continue
		}
		r.busy = true
		r.s.steps.fsync(r, func() {
			r.busy = false
			r.finish(rd)
			r.pump()
		})
	}
	r.wait()
}

// fsync waits for the disk.
func (r *replica) fsync(then func()) {
	n, life := len(r.disk.pending), r.life
	r.s.after(&r.owner, r.between(fsyncFrom, fsyncTo), func() { // a disk writes also for a process that stands still
		if r.up && r.life == life {
			r.disk.fsync(n)
			r.run(then)
		}
	})
}

func (r *replica) write(rd raft.Ready) {
	if raft.IsEmptySnap(rd.Snapshot) && len(rd.Entries) == 0 && raft.IsEmptyHardState(rd.HardState) {
		return
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		r.disk.install(rd.Snapshot)
	}
	r.disk.append(rd.Entries)
	if !raft.IsEmptyHardState(rd.HardState) {
		r.disk.hard = rd.HardState
	}
	r.disk.written()
}

func (r *replica) finish(rd raft.Ready) {
	for _, m := range rd.Messages {
		r.s.steps.send(r, m)
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		r.note("snapshot at %d received", rd.Snapshot.GetMetadata().GetIndex())
		if err := r.s.steps.install(r, rd.Snapshot); err != nil {
			panic(err)
		}
	}
	for _, rs := range rd.ReadStates {
		r.confirmed(string(rs.RequestCtx), rs.Index)
	}
	for _, e := range rd.CommittedEntries {
		r.commit(e)
	}
	r.rn.Advance(rd)
	r.serve()
	r.maybeSnapshot()
}

// role notes who leads.
func (r *replica) role(s *raft.SoftState) {
	r.leads = s.RaftState == raft.StateLeader
	if s.Lead != r.lead {
		r.note("leader: %d", s.Lead)
		r.lead = s.Lead
		if r.lead == 0 {
			r.s.steps.orphaned(r)
		} else {
			r.led = r.s.now
		}
	}
}

// restore makes the state what a snapshot holds.
func (r *replica) restore(snap *pb.Snapshot) error {
	st, err := readState(snap.GetData(), r.s.sizes)
	if err != nil {
		return fmt.Errorf("read the snapshot at %d: %w", snap.GetMetadata().GetIndex(), err)
	}
	st.Applied = snap.GetMetadata().GetIndex()
	r.state = st
	return nil
}

func (r *replica) maybeSnapshot() {
	if r.state.Applied < r.disk.snap.GetMetadata().GetIndex()+snapshotEvery {
		return
	}
	if err := r.disk.compact(r.state.Applied, r.s.steps.capture(r.state), snapshotKeep); err != nil {
		panic(fmt.Errorf("compact the log at %d: %w", r.state.Applied, err))
	}
	r.disk.written()
	r.disk.fsync(len(r.disk.pending))
}

// commit applies an entry.
func (r *replica) commit(e *pb.Entry) {
	if len(e.Data) > 0 {
		c, err := decode(e.Data)
		if err != nil {
			panic(fmt.Errorf("read entry %d: %w", e.GetIndex(), err))
		}
		r.s.steps.apply(r, e, c)
	}
	r.state.Applied = e.GetIndex()
}

// apply carries out a command that is seen for the first time, and answers whoever waits for it here.
func (r *replica) apply(_ *pb.Entry, c command) {
	if !r.s.steps.fresh(r.state, c) {
		return
	}
	if isTxn(c.Object) {
		r.answered(c, r.settle(c))
		return
	}
	r.answered(c, perform(r.state, c))
}
