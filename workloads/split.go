package workloads

import (
	"time"

	"github.com/partita-dev/partita/history"
)

type onWorkers struct {
	part
	use   func(w int, node string) bool
	scope []bool
}

// OnWorkers gives g only the workers that use says yes to.
func OnWorkers(use func(worker int, node string) bool, g Generator) Generator {
	return &onWorkers{part: part{Generator: g}, use: use}
}

// OnNode gives g only the workers of one node.
func OnNode(name string, g Generator) Generator {
	return OnWorkers(func(_ int, node string) bool { return node == name }, g)
}

func (o *onWorkers) view(c *Ctx) *Ctx {
	if o.scope == nil { // workers do not change in a run
		o.scope = make([]bool, len(c.Workers))
		for w := range c.Workers {
			o.scope[w] = c.Has(w) && o.use(w, c.Workers[w].Node)
		}
	}
	return o.narrow(c, o.scope)
}

func (o *onWorkers) Next(c *Ctx) (history.Op, time.Duration, Status) {
	return o.Generator.Next(o.view(c))
}

func (o *onWorkers) Update(c *Ctx, op history.Op) { o.Generator.Update(o.view(c), op) }

// Share is a generator with the number of workers that a Reserve keeps for it.
type Share struct {
	Workers int
	Gen     Generator
}

// Reserve gives the first workers to the first share, the next to the second and so on, and those left to rest.
func Reserve(rest Generator, shares ...Share) Generator {
	var gs []Generator
	from := 0
	for _, s := range shares {
		lo, hi := from, from+s.Workers
		gs = append(gs, OnWorkers(func(w int, _ string) bool { return w >= lo && w < hi }, s.Gen))
		from = hi
	}
	return Any(append(gs, OnWorkers(func(w int, _ string) bool { return w >= from }, rest))...)
}

type onNemesis struct{ part }

// OnNemesis gives g the nemesis and no client. Beside clients: Any(clients, OnNemesis(g)).
func OnNemesis(g Generator) Generator { return &onNemesis{part{Generator: g}} }

func (o *onNemesis) view(c *Ctx) *Ctx {
	v := o.see(c)
	v.nemesis, v.Free = true, nil
	return v
}

func (o *onNemesis) Next(c *Ctx) (history.Op, time.Duration, Status) {
	return o.Generator.Next(o.view(c))
}

func (o *onNemesis) Update(c *Ctx, op history.Op) { o.Generator.Update(o.view(c), op) }

type each struct {
	make      func(worker int) Generator
	byProcess bool
	parts     []*part
	scopes    [][]bool
	process   []int32
}

// EachWorker gives each worker a generator of its own (Jepsen: each-thread), until all are done.
func EachWorker(make func(worker int) Generator) Generator { return &each{make: make} }

// EachProcess gives each process a generator of its own: a worker whose process was retired begins anew.
func EachProcess(make func(worker int) Generator) Generator {
	return &each{make: make, byProcess: true}
}

func (e *each) part(c *Ctx, w int) *part {
	if e.parts == nil {
		e.parts, e.scopes, e.process = make([]*part, len(c.Workers)), make([][]bool, len(c.Workers)), make([]int32, len(c.Workers))
		for i := range e.scopes {
			e.scopes[i] = make([]bool, len(c.Workers))
			e.scopes[i][i] = true
		}
	}
	if process := c.Workers[w].Process; e.parts[w] == nil || e.byProcess && e.process[w] != process {
		e.parts[w], e.process[w] = &part{Generator: e.make(w), salt: uint64(process)}, process
	}
	return e.parts[w]
}

func (e *each) Next(c *Ctx) (op history.Op, at time.Duration, status Status) {
	status = Done
	ask := func(w int, free bool) {
		p := e.part(c, w)
		o, t, s := p.Next(p.one(c, w, free, e.scopes[w]))
		switch {
		case s == Ready && (status != Ready || t < at):
			op, at, status = o, t, Ready
		case s == Pending && status != Ready:
			at, status = earlier(at, t), Pending
		}
	}
	for _, w := range c.Free {
		if ask(w, true); status == Ready && at <= c.Now {
			return op, at, status
		}
	}
	if status != Done {
		return op, at, status
	}
	for w := range c.Workers { // the busy ones decide whether it is done
		if c.Has(w) {
			ask(w, false)
		}
	}
	return op, at, status
}

func (e *each) Update(c *Ctx, op history.Op) {
	w := c.WorkerOf(op.Process)
	if w < 0 {
		return
	}
	p := e.part(c, w)
	if e.byProcess && e.process[w] != op.Process {
		return
	}
	p.Update(p.one(c, w, false, e.scopes[w]), op)
}
