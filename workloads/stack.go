package workloads

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// Stack is the workload of stacks: unique values are pushed and popped, and in the end each node pops what is left.
func Stack() Workload {
	return Workload{
		Name:   "stack",
		Doc:    "pushes unique values onto stacks and pops them; each stack must behave as if there were one copy of it (linearizability)",
		Object: "stack",
		Ops:    []string{"push", "pop"},
		Flags: func(f *pflag.FlagSet) {
			f.Int("ops-per-stack", 200, "operations on a stack before a new one takes its place; longer is slower to check")
		},
		Build: buildStack,
	}
}

func buildStack(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload stack pops through every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	ops, err := o.Params.Int("ops-per-stack", 200)
	if err != nil {
		return Built{}, err
	}
	if ops < 1 {
		return Built{}, fmt.Errorf("ops-per-stack=%d: expected 1 or more operations", ops)
	}
	keys := NewIndependent(Keys{
		Prefix: o.RunID, InPlay: keysPerRound * max(o.Workers/max(len(o.Nodes), 1), 1), Ops: ops, Pending: maxPending, Nodes: len(o.Nodes),
		New:    func(string) Generator { return pushOrPop{} },
		Effect: func(history.Op) bool { return true },
	})
	return Built{
		Main: Rate(o.Rate, keys),
		// What is left on the last stacks, one stack after the other.
		Final: TimeLimit(finalReadsFor, Lazy(func() Generator {
			var gs []Generator
			for _, key := range keys.InPlay() {
				gs = append(gs, untilEmpty(o, history.Op{F: "pop", Key: key}))
			}
			return Concat(gs...)
		})),
		Checkers: []string{"linearizable-stack", "stats", "recovery", "coverage"},
	}, nil
}

// pushOrPop has no operation without an effect: while too many of them are open it waits.
type pushOrPop struct{}

func (pushOrPop) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok || c.Reads {
		return history.Op{}, 0, Pending
	}
	op := history.Op{F: "pop", Process: process}
	if c.Draw(w, c.Count(w))%2 == 0 {
		op.F, op.Value = "push", history.Int(c.Unique(w))
	}
	return op, c.Now, Ready
}

func (pushOrPop) Update(*Ctx, history.Op) {}
