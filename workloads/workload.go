package workloads

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// World carries operations to clients and completions back: real goroutines, an event heap in virtual time, or pipes.
type World interface {
	// Now is the time since the run began.
	Now() time.Duration
	// Submit hands op to a worker (-1: the nemesis). Exactly one completion follows.
	Submit(worker int, op history.Op)
	// Next waits for a completion until the given time; false when there was none.
	Next(until time.Duration) (history.Op, bool)
}

// Status is what a generator's Next says.
type Status uint8

// The three answers of a generator.
const (
	Pending Status = iota // nothing now: ask again when something completed, or when the time that came with it is reached
	Ready                 // op is to be invoked, at the time that came with it or as soon as possible after
	Done                  // nothing any more
)

// Generator emits operations. It lives on one goroutine.
type Generator interface {
	// Next peeks: op names a free worker's Process. It changes nothing, so that the same Ctx gives the same answer.
	// With Pending, at is when to ask again at the latest; 0: only after a completion.
	Next(*Ctx) (op history.Op, at time.Duration, s Status)
	// Update moves on: an Invoke (the op that Next gave last, stamped) consumes it, a completion informs. The Ctx is as it
	// was before the event: on an Invoke its worker is still free, on a completion its process is not yet retired. A
	// generator hears of its own operations only.
	Update(*Ctx, history.Op)
}

// Options are the sizes of a run that a workload may depend on.
type Options struct {
	RunID   string // part of the keys, so that runs against one database do not meet
	Nodes   []string
	Workers int // worker w talks to node w mod len(Nodes)
	Rate    float64
	Params  history.Params
}

// Workload is what clients do and how it is judged.
type Workload struct {
	Name   string
	Doc    string
	Object string               // the kind of object it works on: "register", "set"
	Ops    []string             // the operations it needs of a driver
	Flags  func(*pflag.FlagSet) // its own flags; their values arrive in Options.Params
	Build  func(Options) (Built, error)
}

// Built is a workload ready to run.
type Built struct {
	Main     Generator
	Final    Generator // after healing and recovery; nil for none
	Checkers []string
}
