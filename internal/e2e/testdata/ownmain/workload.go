package main

import (
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// hot is one register that everybody wants: nine reads to each write, until a new register takes its place.
func hot() workloads.Workload {
	return workloads.Workload{
		Name:   "hot",
		Doc:    "one register at a time for all clients, nine reads to each write; each must behave as if there were one copy of it",
		Object: "register",
		Ops:    []string{"read", "write"},
		Build: func(o workloads.Options) (workloads.Built, error) {
			write := func(c *workloads.Ctx, worker int) history.Op {
				return history.Op{F: "write", Value: history.Int(c.Unique(worker))}
			}
			keys := workloads.NewIndependent(workloads.Keys{
				Prefix: o.RunID, InPlay: 1, Ops: 500, Pending: 3, Nodes: len(o.Nodes),
				New: func(string) workloads.Generator {
					return workloads.Mix(
						workloads.Weighted{Weight: 9, Gen: workloads.Repeat(history.Op{F: "read"})},
						workloads.Weighted{Weight: 1, Gen: workloads.Func(write)},
					)
				},
				Effect: func(op history.Op) bool { return op.F == "write" },
			})
			final := func() workloads.Generator {
				read := workloads.Repeat(history.Op{F: "read", Key: keys.InPlay()[0]})
				var each []workloads.Generator
				for _, node := range o.Nodes {
					each = append(each, workloads.OnNode(node, workloads.UntilOK(workloads.Delay(time.Second/2, read))))
				}
				return workloads.TimeLimit(20*time.Second, workloads.Any(each...))
			}
			return workloads.Built{
				Main:     workloads.Rate(o.Rate, keys),
				Final:    workloads.Lazy(final),
				Checkers: []string{"linearizable-register", "stats", "coverage"},
			}, nil
		},
	}
}
