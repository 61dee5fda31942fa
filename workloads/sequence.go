package workloads

import (
	"time"

	"github.com/partita-dev/partita/history"
)

type sequence struct {
	parts  []part
	at     int
	wait   bool // for the open operations of a part before the next one begins
	open   int
	routes routes
}

// Phases emits the operations of one generator after another; the next begins when all operations of the former are completed.
func Phases(gs ...Generator) Generator { return &sequence{parts: partsOf(gs), wait: true} }

// Then is Phases of two.
func Then(a, b Generator) Generator { return Phases(a, b) }

// Concat emits the operations of one generator after another without waiting in between.
func Concat(gs ...Generator) Generator { return &sequence{parts: partsOf(gs)} }

func (s *sequence) Next(c *Ctx) (history.Op, time.Duration, Status) {
	for s.at < len(s.parts) {
		op, at, st := s.parts[s.at].next(c)
		if st != Done {
			return op, at, st
		}
		if s.wait && s.open > 0 && s.at+1 < len(s.parts) {
			return history.Op{}, 0, Pending
		}
		s.at++ // a part that is done stays done, so that asking again gives the same answer
	}
	return history.Op{}, 0, Done
}

func (s *sequence) Update(c *Ctx, op history.Op) {
	if op.Type == history.Invoke {
		s.open++
	} else {
		s.open--
	}
	if p := s.routes.route(c, op, &s.parts[min(s.at, len(s.parts)-1)]); p != nil {
		p.update(c, op)
	}
}

type cycle struct {
	make   func() Generator
	now    *part
	rounds uint64
	routes routes
}

// Cycle emits the operations of a generator that make makes, and when it is done of the next that it makes, for ever.
// It is done when one is done without an operation.
func Cycle(make func() Generator) Generator { return &cycle{make: make} }

func (y *cycle) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if y.now != nil {
		if op, at, s := y.now.next(c); s != Done {
			return op, at, s
		}
	}
	round := &part{Generator: y.make(), salt: y.rounds}
	op, at, s := round.next(c)
	if s != Done {
		y.now = round
		y.rounds++
	}
	return op, at, s
}

func (y *cycle) Update(c *Ctx, op history.Op) {
	if p := y.routes.route(c, op, y.now); p != nil {
		p.update(c, op)
	}
}
