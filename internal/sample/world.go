package sample

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// World carries a scheduler's operations to a store in virtual time, on the scheduler's own goroutine: nothing waits, and
// the same seed gives the same history. Worker w talks to replica w mod n.
type World struct {
	store     *Store
	object    string
	opTimeout time.Duration
	answers   []history.Op
	open      int
	alarms    []alarm
}

// alarm is something that is to be done beside the clients.
type alarm struct {
	at time.Duration
	do func()
}

var _ workloads.World = (*World)(nil)

// unreachableFor is how long a client waits before it tries a replica again that refused it.
const unreachableFor = 100 * time.Millisecond

// NewWorld makes a world of a store, in which operations on a kind of object end after opTimeout.
func NewWorld(s *Store, object string, opTimeout time.Duration) *World {
	return &World{store: s, object: object, opTimeout: opTimeout}
}

// Now is the virtual time.
func (w *World) Now() time.Duration { return w.store.now }

// At does f at a time, between two events of the store. f may call whatever the store's Host offers.
func (w *World) At(t time.Duration, f func()) {
	a := alarm{max(t, w.store.now), f}
	i, _ := slices.BinarySearchFunc(w.alarms, a, func(x, y alarm) int {
		if x.at <= y.at { // behind those of the same time
			return -1
		}
		return 1
	})
	w.alarms = slices.Insert(w.alarms, i, a)
}

var errTimeout = clients.Coded("timeout", errors.New("no answer in time"))

// Submit hands an operation to its replica.
func (w *World) Submit(worker int, op history.Op) {
	s := w.store
	w.open++
	began := s.now
	over := false
	end := func(value, ext history.Value, err error, readOnly bool) {
		if over {
			return
		}
		over = true
		w.open--
		done := op
		done.Took = s.now - began
		switch {
		case err == nil:
			done.Type, done.Value, done.Ext = history.OK, value, ext
		case readOnly || clients.IsNotDone(err):
			done.Type, done.Err = history.Fail, clients.ErrorOf(err)
		default:
			done.Type, done.Err = history.Info, clients.ErrorOf(err)
			if !value.IsNil() {
				done.Value = value
			}
		}
		w.answers = append(w.answers, done)
	}
	if worker < 0 {
		s.after(&s.clients, 0, func() { end("", "", errors.New("the nemesis of this world is not an operation"), false) })
		return
	}
	sp, _ := specOf(w.object, op.F)
	q, err := s.Submit(s.replicas[worker%len(s.replicas)].name, w.object, op, func(value, ext history.Value, err error) {
		if e := clients.ErrorOf(err); e.Code == clients.CodeUnreachable {
			s.after(&s.clients, unreachableFor, func() { end(value, ext, err, sp.readOnly) })
			return
		}
		end(value, ext, err, sp.readOnly)
	})
	if err != nil {
		s.after(&s.clients, 0, func() { end("", "", err, sp.readOnly) })
		return
	}
	s.after(&s.clients, w.opTimeout, func() {
		q.Cancel()
		end(q.Seen(), "", errTimeout, sp.readOnly || q.Harmless())
	})
}

// Next lets time pass until an operation ends, or until the given time.
func (w *World) Next(until time.Duration) (history.Op, bool) {
	s := w.store
	for {
		if len(w.answers) > 0 {
			op := w.answers[0]
			w.answers = w.answers[1:]
			return op, true
		}
		next, more := s.Next()
		if !more {
			next = math.MaxInt64
		}
		switch {
		case len(w.alarms) > 0 && w.alarms[0].at <= min(next, max(until, s.now)):
			a := w.alarms[0]
			w.alarms = w.alarms[1:]
			s.now = max(s.now, a.at)
			a.do()
		case until <= s.now && next > s.now || next > until:
			if until < math.MaxInt64 {
				s.now = max(s.now, until)
			}
			return history.Op{}, false
		case until == math.MaxInt64 && w.open == 0 && len(w.alarms) == 0:
			return history.Op{}, false
		default:
			s.Step()
		}
	}
}
