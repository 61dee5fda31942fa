package workloads

import (
	"time"

	"github.com/partita-dev/partita/history"
)

// Weighted is a generator with its share of a Mix.
type Weighted struct {
	Weight int
	Gen    Generator
}

type mixed struct {
	parts   []part
	weights []int
	done    []bool
	from    *part // of the last peek
	routes  routes
}

// Mix emits operations of the generators at random by their weights, until all are done. Which one a worker's next
// operation comes from depends on the seed, the worker and its count alone; when that one has nothing to do now,
// another takes its place.
func Mix(gs ...Weighted) Generator {
	m := &mixed{done: make([]bool, len(gs))}
	plain := make([]Generator, len(gs))
	for i, g := range gs {
		plain[i] = g.Gen
		m.weights = append(m.weights, max(g.Weight, 1))
	}
	m.parts = partsOf(plain)
	return m
}

func (m *mixed) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, _, _ := c.Next()
	draw := c.Draw(w, c.Count(w))
	for {
		first := m.pick(draw)
		if first < 0 {
			return history.Op{}, 0, Done
		}
		op, at, s := m.ask(c, first)
		if s == Done {
			continue // draw again among the others
		}
		for k := 1; s == Pending && k < len(m.parts); k++ {
			i := (first + k) % len(m.parts)
			if m.done[i] {
				continue
			}
			o, t, st := m.ask(c, i)
			switch st {
			case Ready:
				return o, t, Ready
			case Pending:
				at = earlier(at, t)
			}
		}
		return op, at, s
	}
}

// ask peeks at one part. One that is done stays done, so that it need not be asked again.
func (m *mixed) ask(c *Ctx, i int) (history.Op, time.Duration, Status) {
	op, at, s := m.parts[i].next(c)
	switch s {
	case Done:
		m.done[i] = true
	case Ready:
		m.from = &m.parts[i]
	}
	return op, at, s
}

// pick turns a draw into one of the parts that are not done; -1 when there is none.
func (m *mixed) pick(draw uint64) int {
	total := 0
	for i, w := range m.weights {
		if !m.done[i] {
			total += w
		}
	}
	if total == 0 {
		return -1
	}
	at := int(draw % uint64(total))
	for i, w := range m.weights {
		if m.done[i] {
			continue
		}
		if at < w {
			return i
		}
		at -= w
	}
	return -1
}

func (m *mixed) Update(c *Ctx, op history.Op) {
	if p := m.routes.route(c, op, m.from); p != nil {
		p.update(c, op)
	}
}

type anyOf struct {
	parts  []part
	turn   int   // who is asked first, so that nobody starves at equal times
	from   *part // of the last peek
	routes routes
}

// Any emits whichever generator's operation is due first, until all are done. At equal times they take turns.
func Any(gs ...Generator) Generator { return &anyOf{parts: partsOf(gs)} }

func (a *anyOf) Next(c *Ctx) (op history.Op, at time.Duration, status Status) {
	status = Done
	for k := range a.parts {
		p := &a.parts[(a.turn+k)%len(a.parts)]
		o, t, s := p.next(c)
		switch {
		case s == Ready && (status != Ready || t < at):
			op, at, status = o, t, Ready
			a.from = p
		case s == Pending && status != Ready:
			at, status = earlier(at, t), Pending
		}
	}
	return op, at, status
}

func (a *anyOf) Update(c *Ctx, op history.Op) {
	if op.Type == history.Invoke {
		a.turn = (a.turn + 1) % len(a.parts)
	}
	if p := a.routes.route(c, op, a.from); p != nil {
		p.update(c, op)
	}
}

type flipFlop struct {
	parts  []part
	turn   int
	routes routes
}

// FlipFlop emits operations of a and b in turn, until the one whose turn it is is done.
func FlipFlop(a, b Generator) Generator {
	return &flipFlop{parts: partsOf([]Generator{a, b})}
}

func (f *flipFlop) Next(c *Ctx) (history.Op, time.Duration, Status) { return f.parts[f.turn].next(c) }

func (f *flipFlop) Update(c *Ctx, op history.Op) {
	p := f.routes.route(c, op, &f.parts[f.turn])
	if op.Type == history.Invoke {
		f.turn = 1 - f.turn
	}
	if p != nil {
		p.update(c, op)
	}
}
