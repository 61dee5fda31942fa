package workloads

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// Monotonic is the workload of what a client may expect of its own operations, however stale the others see them. Each
// client writes growing numbers to a register of its own, and reads its register and those of others: so the number that
// is read says how old it is.
func Monotonic() Workload {
	return Workload{
		Name:   "monotonic",
		Doc:    "each client writes growing numbers to a register of its own and reads those of others; no client may see less than it wrote or saw before",
		Object: "register",
		Ops:    []string{"read", "write"},
		Flags: func(f *pflag.FlagSet) {
			f.String("guarantees", "read-your-writes,monotonic-reads,monotonic-writes,writes-follow-reads", "which of these the database promises to each client")
		},
		Build: buildMonotonic,
	}
}

func buildMonotonic(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload monotonic reads from every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	g := &growing{prefix: o.RunID, keys: make([]grown, o.Workers)}
	return Built{
		Main: Rate(o.Rate, g),
		Final: TimeLimit(finalTries, Lazy(func() Generator {
			var reads []Generator
			for w := range g.keys {
				reads = append(reads, onEachNode(o, history.Op{F: "read", Key: g.key(w)}))
			}
			return Any(reads...)
		})),
		Checkers: []string{"sessions", "stats", "recovery", "coverage"},
	}, nil
}

// growing are the registers of a run, one for each client.
type growing struct {
	prefix string
	keys   []grown
}

// grown is the register of one client. With a write of unknown end the client gets another one, so that no number that
// comes late is written over a higher one.
type grown struct {
	n    int64 // the last number that was written
	made int   // registers that it had before
}

func (g *growing) key(w int) string {
	return g.prefix + "-" + strconv.Itoa(w) + "-" + strconv.Itoa(g.keys[w].made)
}

func (g *growing) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op := history.Op{F: "read", Key: g.key(w), Process: process}
	switch draw := c.Draw(w, c.Count(w)); draw % 4 {
	case 0, 1:
		op.Key = g.key(int(draw >> 8 % uint64(len(g.keys))))
	case 2:
		op.F, op.Value = "write", history.Int(g.keys[w].n+1)
	}
	return op, c.Now, Ready
}

func (g *growing) Update(c *Ctx, op history.Op) {
	w := c.WorkerOf(op.Process)
	switch {
	case op.F != "write":
	case op.Type == history.Invoke:
		g.keys[w].n++
	case op.Type == history.Info:
		g.keys[w] = grown{made: g.keys[w].made + 1}
	}
}
