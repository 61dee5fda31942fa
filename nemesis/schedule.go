package nemesis

import (
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// Asked is a fault as it was asked for: a kind and what stands behind its colon.
type Asked struct {
	Kind     Kind
	Selector string
}

// Name is the fault as on the command line: "kill:one".
func (a Asked) Name() string {
	if a.Selector == "" {
		return a.Kind.Name
	}
	return a.Kind.Name + ":" + a.Selector
}

// Entry is one planned window.
type Entry struct {
	At, For time.Duration // since the schedule began
	Least   time.Duration // how long at least it is in force when it begins late, or when the next one does not fit beside it
	Fault   Asked
}

// Timing is how faults are laid out in time.
type Timing struct {
	Length   time.Duration // a window that would not end before it is not planned
	Interval time.Duration // from the beginning of one window to the beginning of the next
	Overlap  bool          // let a window go on into the next one
	Seed     uint64
}

// Schedule lays faults out: one window each interval, in force for half of it. They come in rounds that are shuffled by
// the seed, so that each is there once before any comes again. With Overlap a window goes on until the middle of the next
// one, so that two are in force at once and each is alone for a while too. Cuts compose with everything; two faults that
// both harm processes never overlap, for undoing the one would undo the other.
func Schedule(faults []Asked, t Timing) []Entry {
	if len(faults) == 0 || t.Interval <= 0 {
		return nil
	}
	half := t.Interval / 2
	r := rand.New(rand.NewPCG(t.Seed, 0)) // windows draw from streams 1, 2, …
	var order []int
	var out []Entry
	for at := time.Duration(0); at+half <= t.Length; at += t.Interval {
		if len(order) == 0 {
			order = r.Perm(len(faults))
		}
		out = append(out, Entry{At: at, For: half, Least: half, Fault: faults[order[0]]})
		order = order[1:]
	}
	if t.Overlap {
		for i := range out[:max(0, len(out)-1)] {
			if compatible(out[i].Fault, out[i+1].Fault) {
				out[i].For = t.Interval + half
			}
		}
	}
	return out
}

// compatible reports whether two faults can be in force at once.
func compatible(a, b Asked) bool { return !harmsProcesses(a.Kind) || !harmsProcesses(b.Kind) }

func harmsProcesses(k Kind) bool { return k.Fault.Needs()&(cluster.Kill|cluster.Pause) != 0 }
