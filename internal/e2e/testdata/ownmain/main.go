// Command ownmain is the example of docs/writing-a-workload.md: Partita with one workload more.
package main

import (
	"os"

	"github.com/partita-dev/partita/cmd"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

func main() { os.Exit(cmd.Main(cmd.With(broadcast()))) }

// broadcast writes on the first node and reads on the others.
func broadcast() workloads.Workload {
	return workloads.Workload{
		Name:   "broadcast",
		Doc:    "writes a register on one node and reads it on the others",
		Object: "register",
		Ops:    []string{"read", "write"},
		Build: func(o workloads.Options) (workloads.Built, error) {
			writer := o.Nodes[0]
			write := workloads.Func(func(c *workloads.Ctx, w int) history.Op {
				return history.Op{F: "write", Key: o.RunID, Value: history.Int(c.Unique(w))}
			})
			read := workloads.Repeat(history.Op{F: "read", Key: o.RunID})
			others := func(_ int, node string) bool { return node != writer }
			return workloads.Built{
				Main: workloads.Rate(100, workloads.Any(
					workloads.OnNode(writer, write),
					workloads.OnWorkers(others, read),
				)),
				Final:    workloads.UntilOK(read),
				Checkers: []string{"linearizable-register", "stats", "coverage"},
			}, nil
		},
	}
}
