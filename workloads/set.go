package workloads

import (
	"fmt"
	"time"

	"github.com/partita-dev/partita/history"
)

const (
	// addsPerSecond is the rate of adds when none is asked for: each read is of the whole set, so it must stay readable.
	addsPerSecond = 100
	// readEvery is the mean time between the reads of one node while elements are added.
	readEvery = 2 * time.Second
	// finalReadsFor bounds the final phase.
	finalReadsFor = 60 * time.Second
	// finalTries bounds it where it only asks each node for a sign of life.
	finalTries = 20 * time.Second
)

// Set is the workload of one set to which unique elements are added, and which every node must know in the end.
func Set() Workload {
	return Workload{
		Name:   "set",
		Doc:    "adds unique elements to one set; in the end every node must know each element that was acknowledged, and none that nobody added",
		Object: "set",
		Ops:    []string{"add", "read"},
		Build:  buildSet,
	}
}

func buildSet(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload set reads from every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	rate := o.Rate
	if rate <= 0 {
		rate = addsPerSecond
	}
	read := history.Op{F: "read", Key: o.RunID}
	gs := []Generator{Rate(rate, Func(func(c *Ctx, w int) history.Op {
		return history.Op{F: "add", Key: o.RunID, Value: history.Int(c.Unique(w))}
	}))}
	for _, n := range o.Nodes {
		gs = append(gs, OnNode(n, Stagger(readEvery, Repeat(read))))
	}
	return Built{
		Main:     Any(gs...),
		Final:    TimeLimit(finalReadsFor, onEachNode(o, read)),
		Checkers: []string{"set", "stats", "recovery", "coverage"},
	}, nil
}
