package workloads

import (
	"fmt"
	"math"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// SetFull is the workload of sets that are read all the time, so that it is known of each element when it came, and whether
// it went.
func SetFull() Workload {
	return Workload{
		Name:   "set-full",
		Doc:    "adds unique elements to sets and reads the sets all the time; an element that was acknowledged, or seen, must be in every later read",
		Object: "set",
		Ops:    []string{"add", "read"},
		Flags: func(f *pflag.FlagSet) {
			f.Bool("linearizable", true, "an element that is missing for a while, and comes back, is an anomaly too")
			f.Int("ops-per-set", 300, "operations on a set before a new one takes its place; every read is of the whole set")
		},
		Build: buildSetFull,
	}
}

func buildSetFull(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload set-full reads from every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	ops, err := o.Params.Int("ops-per-set", 300)
	if err != nil {
		return Built{}, err
	}
	if ops < 1 {
		return Built{}, fmt.Errorf("ops-per-set=%d: expected 1 or more operations", ops)
	}
	keys := NewIndependent(Keys{
		Prefix: o.RunID, InPlay: max(o.Workers/max(len(o.Nodes), 1), 1), Ops: ops, Pending: math.MaxInt, Nodes: len(o.Nodes),
		New: func(string) Generator {
			return Func(func(c *Ctx, w int) history.Op {
				if c.Reads || c.Draw(w, c.Count(w))%2 == 0 {
					return history.Op{F: "read"}
				}
				return history.Op{F: "add", Value: history.Int(c.Unique(w))}
			})
		},
		Effect: func(op history.Op) bool { return op.F != "read" },
	})
	return Built{
		Main: Rate(o.Rate, keys),
		Final: TimeLimit(finalReadsFor, Lazy(func() Generator {
			// One set after the other, the newest first, should there be no time for all.
			var reads []Generator
			for _, key := range keys.Used() {
				reads = append([]Generator{onEachNode(o, history.Op{F: "read", Key: key})}, reads...)
			}
			return Concat(reads...)
		})),
		Checkers: []string{"set-full", "stats", "recovery", "coverage"},
	}, nil
}
