package workloads

import (
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/history"
)

// Worker is what a generator may know of one worker.
type Worker struct {
	Process int32
	Node    string
	N       int64 // how many operations it invoked so far
}

// Ctx is what a generator sees of the world. Generators read it, and hand a narrowed copy to the generators they are made of.
type Ctx struct {
	Now     time.Duration
	Seed    uint64
	Workers []Worker
	Free    []int // workers without an open operation, the longest idle first
	Nemesis bool  // the nemesis has no open operation; see OnNemesis
	Reads   bool  // only operations without an effect are wanted; see Independent

	scope   []bool // which workers may be used at all; nil for all
	nemesis bool   // the nemesis is to be used, and no client
}

// Has reports whether the worker may be used, free or not.
func (c *Ctx) Has(worker int) bool {
	return !c.nemesis && (c.scope == nil || c.scope[worker])
}

// WorkerOf gives the worker that a process belongs to, -1 for the nemesis.
func (c *Ctx) WorkerOf(process int32) int {
	if process < 0 {
		return -1
	}
	return int(process) % len(c.Workers)
}

// Next gives the worker that is to have the next operation (-1: the nemesis) and its process; false when none is free.
func (c *Ctx) Next() (worker int, process int32, ok bool) {
	switch {
	case c.nemesis:
		return -1, history.Nemesis, c.Nemesis
	case len(c.Free) == 0:
		return 0, 0, false
	}
	return c.Free[0], c.Workers[c.Free[0]].Process, true
}

// Count is how many operations a worker invoked so far, 0 for the nemesis.
func (c *Ctx) Count(worker int) int64 {
	if worker < 0 {
		return 0
	}
	return c.Workers[worker].N
}

// Unique is a number that no other operation of the run has: n · workers + worker, n being the worker's count.
func (c *Ctx) Unique(worker int) int64 {
	return c.Workers[worker].N*int64(len(c.Workers)) + int64(worker)
}

// Draw is a random number that is the same for the same (seed, worker, n), whatever else happened in the run.
// Combinators give each generator below them a seed of its own, so that draws of two of them are independent.
func (c *Ctx) Draw(worker int, n int64) uint64 {
	return mix(mix(c.Seed, uint64(worker)), uint64(n))
}

// Rand is Draw for what needs more than one number.
func (c *Ctx) Rand(worker int, n int64) *rand.Rand {
	d := c.Draw(worker, n)
	return rand.New(rand.NewPCG(d, mix(d, 1)))
}

// mix hashes b into a (the finalizer of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
func mix(a, b uint64) uint64 {
	z := a + (b+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// part is a generator inside another, with the view it gets. Reusing the view costs no allocation for each operation.
type part struct {
	Generator
	salt uint64
	ctx  Ctx
	free []int
}

func partsOf(gs []Generator) []part {
	ps := make([]part, len(gs))
	for i, g := range gs {
		ps[i] = part{Generator: g, salt: uint64(i)}
	}
	return ps
}

// see gives the part's view: c with a seed of its own.
func (p *part) see(c *Ctx) *Ctx {
	p.ctx = *c
	p.ctx.Seed = mix(c.Seed, p.salt)
	return &p.ctx
}

// narrow gives the part's view of some workers only.
func (p *part) narrow(c *Ctx, scope []bool) *Ctx {
	v := p.see(c)
	p.free = p.free[:0]
	for _, w := range c.Free {
		if scope[w] {
			p.free = append(p.free, w)
		}
	}
	v.Free, v.scope = p.free, scope
	return v
}

// one gives the part's view of a single worker, free or not.
func (p *part) one(c *Ctx, worker int, free bool, scope []bool) *Ctx {
	v := p.see(c)
	p.free = p.free[:0]
	if free {
		p.free = append(p.free, worker)
	}
	v.Free, v.scope = p.free, scope
	return v
}

func (p *part) next(c *Ctx) (history.Op, time.Duration, Status) { return p.Next(p.see(c)) }
func (p *part) update(c *Ctx, op history.Op)                    { p.Update(p.see(c), op) }

// routes remembers for each worker (the nemesis first) which part its open operation came from, so that the completion
// goes there and nowhere else.
type routes []*part

// route gives the part that an event belongs to: on an Invoke the given one, on a completion the one that invoked; nil for none.
func (r *routes) route(c *Ctx, op history.Op, invoked *part) *part {
	for len(*r) < len(c.Workers)+1 {
		*r = append(*r, nil)
	}
	s := &(*r)[c.WorkerOf(op.Process)+1]
	p := *s
	*s = nil
	if op.Type == history.Invoke {
		p, *s = invoked, invoked
	}
	return p
}

// earlier gives the sooner of two times to ask again, of which 0 means: only after a completion.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
