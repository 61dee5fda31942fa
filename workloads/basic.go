package workloads

import (
	"time"

	"github.com/partita-dev/partita/history"
)

// source asks a function for the operation of whichever worker is free.
type source struct {
	f func(c *Ctx, worker int) history.Op
}

// Func emits, for ever, what f says for a free worker (-1: the nemesis, below OnNemesis only). f must be pure.
func Func(f func(c *Ctx, worker int) history.Op) Generator { return source{f} }

// Repeat emits op for ever.
func Repeat(op history.Op) Generator {
	return Func(func(*Ctx, int) history.Op { return op })
}

// One emits op once.
func One(op history.Op) Generator { return Once(Repeat(op)) }

func (s source) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op := s.f(c, w)
	op.Process = process
	return op, c.Now, Ready
}

func (source) Update(*Ctx, history.Op) {}

type limit struct {
	part
	left int
}

// Limit emits the first n operations of g.
func Limit(n int, g Generator) Generator { return &limit{part{Generator: g}, n} }

// Once emits the first operation of g.
func Once(g Generator) Generator { return Limit(1, g) }

func (l *limit) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if l.left <= 0 {
		return history.Op{}, 0, Done
	}
	return l.next(c)
}

func (l *limit) Update(c *Ctx, op history.Op) {
	if op.Type == history.Invoke {
		l.left--
	}
	l.update(c, op)
}

type processLimit struct {
	part
	n    int
	seen map[int32]bool
}

// ProcessLimit ends g before an operation of the n+1st process.
func ProcessLimit(n int, g Generator) Generator {
	return &processLimit{part{Generator: g}, n, map[int32]bool{}}
}

func (l *processLimit) Next(c *Ctx) (history.Op, time.Duration, Status) {
	op, at, s := l.next(c)
	if s == Ready && !l.seen[op.Process] && len(l.seen) >= l.n {
		return history.Op{}, 0, Done
	}
	return op, at, s
}

func (l *processLimit) Update(c *Ctx, op history.Op) {
	l.seen[op.Process] = true
	l.update(c, op)
}

type mapped struct {
	part
	f func(history.Op) history.Op
}

// Map changes each operation of g. f must be pure and leave the process alone; g hears of the changed operations.
func Map(f func(history.Op) history.Op, g Generator) Generator {
	return &mapped{part{Generator: g}, f}
}

func (m *mapped) Next(c *Ctx) (history.Op, time.Duration, Status) {
	op, at, s := m.next(c)
	if s == Ready {
		op = m.f(op)
	}
	return op, at, s
}

func (m *mapped) Update(c *Ctx, op history.Op) { m.update(c, op) }

type lazy struct {
	part
	make func() Generator
}

// Lazy makes its generator when it is asked for the first time: for a final phase that depends on what the main phase did.
func Lazy(make func() Generator) Generator { return &lazy{make: make} }

func (l *lazy) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if l.Generator == nil {
		l.Generator = l.make()
	}
	return l.next(c)
}

func (l *lazy) Update(c *Ctx, op history.Op) { l.update(c, op) }

type untilOK struct {
	part
	open, done bool
}

// UntilOK emits operations of g one after another, each when the one before was completed, until one is ok.
func UntilOK(g Generator) Generator { return &untilOK{part: part{Generator: g}} }

func (u *untilOK) Next(c *Ctx) (history.Op, time.Duration, Status) {
	switch {
	case u.done:
		return history.Op{}, 0, Done
	case u.open:
		return history.Op{}, 0, Pending
	}
	return u.next(c)
}

func (u *untilOK) Update(c *Ctx, op history.Op) {
	u.open = op.Type == history.Invoke
	u.done = u.done || op.Type == history.OK
	u.update(c, op)
}
