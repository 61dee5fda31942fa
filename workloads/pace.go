package workloads

import (
	"math"
	"time"

	"github.com/partita-dev/partita/history"
)

// slack is how far a generator at a rate may fall behind its times and still catch up. What is later is forgotten, so that a
// database that hung is not flooded afterwards.
const slack = 100 * time.Millisecond

type paced struct {
	part
	gap     func(c *Ctx, n int64) time.Duration
	slack   time.Duration
	next    time.Duration
	n       int64
	started bool
}

// Stagger emits operations of g at random times, as many independent clients would (a Poisson process): mean apart on average.
func Stagger(mean time.Duration, g Generator) Generator {
	return &paced{part: part{Generator: g}, slack: slack, gap: func(c *Ctx, n int64) time.Duration {
		u := float64(c.Draw(-1, n)>>11) / (1 << 53)
		return time.Duration(-math.Log(1-u) * float64(mean))
	}}
}

// Rate is Stagger by operations a second; 0 leaves g as fast as it is.
func Rate(perSecond float64, g Generator) Generator {
	if perSecond <= 0 {
		return g
	}
	return Stagger(time.Duration(float64(time.Second)/perSecond), g)
}

// Delay emits operations of g at least gap apart.
func Delay(gap time.Duration, g Generator) Generator {
	return &paced{part: part{Generator: g}, gap: func(*Ctx, int64) time.Duration { return gap }}
}

func (p *paced) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if !p.started {
		p.started, p.next = true, c.Now
	}
	op, at, s := p.part.next(c)
	if s == Ready {
		at = max(at, p.next)
	}
	return op, at, s
}

func (p *paced) Update(c *Ctx, op history.Op) {
	if op.Type == history.Invoke {
		p.next = max(p.next, c.Now-p.slack) + p.gap(c, p.n)
		p.n++
	}
	p.update(c, op)
}

type timeLimit struct {
	part
	d, end  time.Duration
	started bool
}

// TimeLimit ends g when d has passed since it was first asked for an operation.
func TimeLimit(d time.Duration, g Generator) Generator {
	return &timeLimit{part: part{Generator: g}, d: d}
}

func (t *timeLimit) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if !t.started {
		t.started, t.end = true, c.Now+t.d
	}
	if c.Now >= t.end {
		return history.Op{}, 0, Done
	}
	op, at, s := t.next(c)
	switch {
	case s == Ready && at >= t.end:
		return history.Op{}, t.end, Pending
	case s == Pending:
		return op, earlier(at, t.end), Pending
	}
	return op, at, s
}

func (t *timeLimit) Update(c *Ctx, op history.Op) { t.update(c, op) }

type sleep struct {
	d, end  time.Duration
	started bool
}

// Sleep emits nothing for d.
func Sleep(d time.Duration) Generator { return &sleep{d: d} }

func (s *sleep) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if !s.started {
		s.started, s.end = true, c.Now+s.d
	}
	if c.Now >= s.end {
		return history.Op{}, 0, Done
	}
	return history.Op{}, s.end, Pending
}

func (*sleep) Update(*Ctx, history.Op) {}
