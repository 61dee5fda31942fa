package sample

import (
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// image is what stands on a disk. It is a value: entries that an image has are never written over.
type image struct {
	hard    *pb.HardState
	snap    *pb.Snapshot
	base    uint64 // the index before the first entry, and its term
	term    uint64
	entries []*pb.Entry
}

// disk is the storage of a replica, and what of it would survive a crash.
type disk struct {
	image         // what was written
	durable image // what was fsynced
	pending []image
}

var _ raft.Storage = (*disk)(nil)

// newDisk is the disk of a replica that has never run: all of n replicas may vote.
func newDisk(n int) *disk {
	cs := &pb.ConfState{}
	for i := range n {
		cs.Voters = append(cs.Voters, uint64(i+1))
	}
	// A log that begins at 1 as after a snapshot, so that the replicas know each other without having been told.
	snap := &pb.Snapshot{Metadata: &pb.SnapshotMetadata{ConfState: cs, Index: new(uint64(1)), Term: new(uint64(1))}}
	im := image{snap: snap, base: 1, term: 1, hard: &pb.HardState{Term: new(uint64(1)), Vote: new(uint64(0)), Commit: new(uint64(1))}}
	return &disk{image: im, durable: im}
}

// written notes a write that is not fsynced.
func (d *disk) written() { d.pending = append(d.pending, d.image) }

// fsync makes the first n pending writes durable.
func (d *disk) fsync(n int) {
	if n = min(n, len(d.pending)); n > 0 {
		d.durable = d.pending[n-1]
		d.pending = d.pending[n:]
	}
}

// crash loses the pending writes but for the first n.
func (d *disk) crash(n int) {
	d.fsync(n)
	d.pending = nil
	d.image = d.durable
	d.entries = slices.Clip(d.entries)
}

func (d *disk) append(es []*pb.Entry) {
	if len(es) == 0 {
		return
	}
	first := es[0].GetIndex()
	if first <= d.base {
		if skip := d.base + 1 - first; skip >= uint64(len(es)) {
			return
		} else {
			es, first = es[skip:], d.base+1
		}
	}
	at := first - d.base - 1
	if at < uint64(len(d.entries)) { // what is written over may be on its way in a message
		d.entries = append(d.entries[:at:at], es...)
		return
	}
	d.entries = append(d.entries, es...)
}

// install puts a snapshot from elsewhere in the place of everything.
func (d *disk) install(s *pb.Snapshot) {
	d.snap = s
	d.base, d.term = s.GetMetadata().GetIndex(), s.GetMetadata().GetTerm()
	d.entries = nil
}

// compact keeps a snapshot of index and forgets entries up to keep before it.
func (d *disk) compact(index uint64, data []byte, keep uint64) error {
	term, err := d.Term(index)
	if err != nil {
		return err
	}
	d.snap = &pb.Snapshot{Data: data, Metadata: &pb.SnapshotMetadata{
		ConfState: d.snap.GetMetadata().GetConfState(), Index: new(index), Term: new(term),
	}}
	if index-keep <= d.base {
		return nil
	}
	to := index - keep
	if term, err = d.Term(to); err != nil {
		return err
	}
	d.entries = slices.Clone(d.entries[to-d.base:])
	d.base, d.term = to, term
	return nil
}

// InitialState is what a replica starts from.
func (d *disk) InitialState() (*pb.HardState, *pb.ConfState, error) {
	return d.hard, d.snap.GetMetadata().GetConfState(), nil
}

// Entries gives a part of the log.
func (d *disk) Entries(lo, hi, maxSize uint64) ([]*pb.Entry, error) {
	if lo <= d.base {
		return nil, raft.ErrCompacted
	}
	if hi > d.base+uint64(len(d.entries))+1 {
		return nil, raft.ErrUnavailable
	}
	es := d.entries[lo-d.base-1 : hi-d.base-1]
	size := uint64(0)
	for i, e := range es {
		size += uint64(len(e.Data)) + 16
		if i > 0 && size > maxSize {
			es = es[:i]
			break
		}
	}
	return es[:len(es):len(es)], nil
}

// Term gives the term of an entry.
func (d *disk) Term(i uint64) (uint64, error) {
	switch {
	case i < d.base:
		return 0, raft.ErrCompacted
	case i == d.base:
		return d.term, nil
	case i > d.base+uint64(len(d.entries)):
		return 0, raft.ErrUnavailable
	}
	return d.entries[i-d.base-1].GetTerm(), nil
}

// LastIndex is that of the last entry.
func (d *disk) LastIndex() (uint64, error) { return d.base + uint64(len(d.entries)), nil }

// FirstIndex is that of the first entry that is still there.
func (d *disk) FirstIndex() (uint64, error) { return d.base + 1, nil }

// Snapshot is the newest one.
func (d *disk) Snapshot() (*pb.Snapshot, error) { return d.snap, nil }
