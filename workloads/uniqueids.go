package workloads

import "github.com/partita-dev/partita/history"

// UniqueIDs is the workload of a generator of ids, which every client asks for as many as it gets.
func UniqueIDs() Workload {
	return Workload{
		Name:   "unique-ids",
		Doc:    "asks one generator for ids through every node; no id may be given out twice",
		Object: "ids",
		Ops:    []string{"generate"},
		Build: func(o Options) (Built, error) {
			generate := history.Op{F: "generate", Key: o.RunID}
			return Built{
				Main:     Rate(o.Rate, Repeat(generate)),
				Final:    TimeLimit(finalTries, onEachNode(o, generate)),
				Checkers: []string{"unique-ids", "stats", "recovery", "coverage"},
			}, nil
		},
	}
}
