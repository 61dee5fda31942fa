package workloads

import (
	"strconv"
	"time"

	"github.com/partita-dev/partita/history"
)

// Keys is how many objects a workload uses, and for how long each.
type Keys struct {
	Prefix  string // of the keys' names; a run's id, so that runs against one database do not meet
	InPlay  int    // keys at once, 1 or more
	Ops     int    // operations of one key, after which a new one takes its place; 0: any number
	Pending int    // operations of one key with an effect that nobody knows; after so many a new one takes its place
	Nodes   int    // worker w talks to node w mod Nodes

	// New makes the generator of one key's operations. When Ctx.Reads is set it must give one without an effect.
	New func(key string) Generator
	// Effect says which operations have one.
	Effect func(history.Op) bool
}

// object is one key in use.
type object struct {
	part
	key     string
	ops     int
	open    int // effects that are under way, each of which may end unknown
	unknown int
}

// Independent is a generator of operations on many keys, each of which is checked for itself: a history of one key stays
// short, and so does checking it. The workers are divided into groups that span all nodes, and each key belongs to one
// group, so that it is used on every side of a cut. A key never has more than Pending operations with an effect whose
// end is unknown, those under way counted; until it is clear, only reads are made of it.
type Independent struct {
	keys   Keys
	slots  []*object
	made   int
	choice *object // of the last peek
	open   []use   // by worker
	scope  []bool
}

type use struct {
	on     *object
	effect bool
}

// NewIndependent makes the generator.
func NewIndependent(k Keys) *Independent { return &Independent{keys: k} }

// InPlay lists the keys that are in use now.
func (g *Independent) InPlay() []string {
	var names []string
	for _, o := range g.slots {
		names = append(names, o.key)
	}
	return names
}

// Used lists all keys that ever were in use, for a final phase that must know what became of each.
func (g *Independent) Used() []string {
	var names []string
	for i := range g.made {
		names = append(names, g.name(i))
	}
	return names
}

func (g *Independent) name(i int) string { return g.keys.Prefix + "-" + strconv.Itoa(i) }

func (g *Independent) fresh() *object {
	key := g.name(g.made)
	g.made++
	// The same salt for all: a worker's draw must not depend on which key it comes to.
	return &object{key: key, part: part{Generator: g.keys.New(key), salt: 1}}
}

// rounds is how many groups of workers span all nodes.
func (g *Independent) rounds(c *Ctx) int { return max(len(c.Workers)/max(g.keys.Nodes, 1), 1) }

func (g *Independent) begin(c *Ctx) {
	if g.slots != nil {
		return
	}
	for range max(g.keys.InPlay, 1) {
		g.slots = append(g.slots, g.fresh())
	}
	g.open = make([]use, len(c.Workers))
	g.scope = make([]bool, len(c.Workers))
}

// slot is the key that a worker's next operation is on. A group with several keys draws one.
func (g *Independent) slot(c *Ctx, w int) int {
	rounds := g.rounds(c)
	groups := min(len(g.slots), rounds)
	group := min(w/max(g.keys.Nodes, 1), rounds-1) % groups
	mine := (len(g.slots) - group + groups - 1) / groups
	return group + groups*int(c.Draw(w, c.Workers[w].N)%uint64(mine))
}

func (g *Independent) Next(c *Ctx) (op history.Op, at time.Duration, s Status) {
	g.begin(c)
	var soonest time.Duration
	for _, w := range c.Free {
		i := g.slot(c, w)
		op, at, s = g.ask(c, i, w)
		if s == Done { // this key's generator wants no more
			g.slots[i] = g.fresh()
			op, at, s = g.ask(c, i, w)
		}
		switch {
		case s == Ready && (g.slots[i].mayWrite(g.keys.Pending) || !g.keys.Effect(op)):
			op.Key, g.choice = g.slots[i].key, g.slots[i]
			return op, at, Ready
		case s == Pending:
			soonest = earlier(soonest, at)
		}
	}
	return history.Op{}, soonest, Pending
}

func (g *Independent) ask(c *Ctx, slot, w int) (history.Op, time.Duration, Status) {
	o := g.slots[slot]
	v := o.one(c, w, true, g.scope)
	v.Reads = c.Reads || !o.mayWrite(g.keys.Pending)
	return o.Next(v)
}

// mayWrite reports whether one more effect cannot make more unknown ones than there may be.
func (o *object) mayWrite(pending int) bool { return o.unknown+o.open < pending }

func (g *Independent) Update(c *Ctx, op history.Op) {
	w := c.WorkerOf(op.Process)
	u := &g.open[w]
	if op.Type == history.Invoke {
		*u = use{g.choice, g.keys.Effect(op)}
		u.on.ops++
		if u.effect {
			u.on.open++
		}
	} else if u.effect {
		u.on.open--
		if op.Type == history.Info {
			u.on.unknown++
		}
	}
	o := u.on
	o.Update(o.one(c, w, false, g.scope), op)
	if (g.keys.Ops == 0 || o.ops < g.keys.Ops) && o.unknown < g.keys.Pending {
		return
	}
	for i := range g.slots {
		if g.slots[i] == o {
			g.slots[i] = g.fresh() // the operations under way end on the old key
		}
	}
}
