package workloads

import (
	"fmt"

	"github.com/partita-dev/partita/history"
)

const (
	// countersPerRound is how many counters there are for each client of a node.
	countersPerRound = 2
	// unsureAdds is how many adds of unknown end a counter may have before a new one takes its place: with each of them
	// its bounds are further apart, and less can be wrong.
	unsureAdds = 3
	// largestAdd is the largest step of a counter.
	largestAdd = 5
)

// Counter is the workload of counters that are added to and read. A counter is used until too much of it is unknown, and
// read again by every node in the end: what was counted during a cut must still be there after it.
func Counter() Workload {
	return Workload{
		Name:   "counter",
		Doc:    "adds to counters and reads them; a counter never shows less than what was acknowledged, nor more than what anybody tried to add",
		Object: "counter",
		Ops:    []string{"add", "read"},
		Build:  buildCounter,
	}
}

func buildCounter(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload counter reads from every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	keys := NewIndependent(Keys{
		Prefix: o.RunID, InPlay: countersPerRound * max(o.Workers/max(len(o.Nodes), 1), 1), Pending: unsureAdds, Nodes: len(o.Nodes),
		New:    func(string) Generator { return Func(addOrRead) },
		Effect: func(op history.Op) bool { return op.F != "read" },
	})
	return Built{
		Main: Rate(o.Rate, keys),
		Final: TimeLimit(finalReadsFor, Lazy(func() Generator {
			// One counter after the other, the newest first, should there be no time for all.
			var reads []Generator
			for _, key := range keys.Used() {
				reads = append([]Generator{onEachNode(o, history.Op{F: "read", Key: key})}, reads...)
			}
			return Concat(reads...)
		})),
		Checkers: []string{"counter", "stats", "recovery", "coverage"},
	}, nil
}

func addOrRead(c *Ctx, w int) history.Op {
	draw := c.Draw(w, c.Count(w))
	if c.Reads || draw%2 == 0 {
		return history.Op{F: "read"}
	}
	return history.Op{F: "add", Value: history.Int(1 + int64(draw>>1)%largestAdd)}
}
