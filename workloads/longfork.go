package workloads

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// LongFork is the workload of groups of registers, each of which is written once, and which are read together: of two
// writes that happened at once, all must agree which was first (jepsen.tests.long-fork).
func LongFork() Workload {
	return Workload{
		Name:   "long-fork",
		Doc:    "writes single registers and reads groups of them; no two reads may disagree about which of two writes came first",
		Object: "rw-register",
		Ops:    []string{"txn"},
		Flags: func(f *pflag.FlagSet) {
			f.Int("group-size", 2, "how many registers are read together")
		},
		Build: func(o Options) (Built, error) {
			size, err := o.Params.Int("group-size", 2)
			if err != nil {
				return Built{}, err
			}
			if size < 2 || size > 100 {
				return Built{}, fmt.Errorf("group-size=%d: expected 2 to 100", size)
			}
			g := &longFork{prefix: o.RunID, size: size, wrote: make([]int, o.Workers)}
			return Built{
				Main:     Rate(o.Rate, g),
				Final:    TimeLimit(finalTries, Lazy(func() Generator { return onEachNode(o, readsOf(g.group(max(0, g.made-1)))) })),
				Checkers: []string{"long-fork", "stats", "recovery", "coverage"},
			}, nil
		},
	}
}

// longFork is its generator. A worker that wrote a register reads its group next; the others write the next one, or read a
// group that somebody is writing.
type longFork struct {
	prefix string
	size   int
	made   int   // registers that were written, or are being
	wrote  []int // by worker: 1 + the one that it wrote last, and whose group it has not read since; 0 for none
}

// group is the keys of the register's group.
func (g *longFork) group(register int) (keys []string) {
	for i := range g.size {
		keys = append(keys, g.name(register-register%g.size+i))
	}
	return keys
}

func (g *longFork) name(register int) string { return g.prefix + "-" + strconv.Itoa(register) }

func (g *longFork) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	r := c.Rand(w, c.Count(w))
	op := history.Op{F: "txn", Value: history.Txn([]history.Mop{{F: "w", Key: g.name(g.made), Value: "1"}})}
	register := g.wrote[w] - 1
	if register < 0 && r.IntN(2) == 0 {
		register = g.wrote[r.IntN(len(g.wrote))] - 1
	}
	if register >= 0 {
		keys := g.group(register)
		r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		op = readsOf(keys)
	}
	op.Process = process
	return op, c.Now, Ready
}

func (g *longFork) Update(c *Ctx, op history.Op) {
	w := c.WorkerOf(op.Process)
	if op.Type != history.Invoke || w < 0 {
		return
	}
	mops, _ := op.Value.Txn()
	g.wrote[w] = 0
	if mops[0].F != "r" {
		g.made++
		g.wrote[w] = g.made
	}
}
