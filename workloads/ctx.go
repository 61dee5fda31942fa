package workloads

import "time"

// Worker is what a generator may know of one worker.
type Worker struct {
	Process int32
	Node    string
	N       int64 // how many operations it invoked so far
}

// Ctx is what a generator sees of the world.
type Ctx struct {
	Now     time.Duration
	Seed    uint64
	Workers []Worker
	Free    []int // workers without an open operation, the longest idle first
}
