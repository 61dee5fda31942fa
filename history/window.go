package history

import "time"

// Point is a place in a history: between which events, and when.
type Point struct {
	Index int64         `json:"index"` // of the next event at that moment; -1: never
	Time  time.Duration `json:"time"`
}

// Never is the Point of what did not happen.
var Never = Point{Index: -1, Time: -1}

// Happened reports whether the point was reached.
func (p Point) Happened() bool { return p.Index >= 0 }

// Span is from one point to another; To is Never while it is open.
type Span struct {
	From Point `json:"from"`
	To   Point `json:"to"`
}

// Nowhere is the Span of what never began.
var Nowhere = Span{From: Never, To: Never}

// Window is one fault of a run. What was commanded, what a probe saw, and when a probe saw it gone
// are three different intervals; a fault that was not observed did not happen.
type Window struct {
	ID        string     `json:"id"`    // unique within the run, "w1"
	Fault     string     `json:"fault"` // as on the command line: "partition:primaries"
	Spec      Value      `json:"spec"`  // nemesis.Spec, enough to undo it
	Harmed    []string   `json:"harmed,omitempty"`
	Sides     [][]string `json:"sides,omitempty"`
	Commanded Span       `json:"commanded"`
	Observed  Span       `json:"observed"`
	Recovered Point      `json:"recovered"`
	Evidence  Value      `json:"evidence,omitempty"` // the certificate
	Errors    []string   `json:"errors,omitempty"`   // what went wrong while it was set, watched or healed
}

// Plan is what was meant to happen, and where the final phase begins. Coverage is judged against it.
type Plan struct {
	Nodes  []string `json:"nodes"`
	Faults []string `json:"faults"` // the kinds that were asked for; none: a run without faults
	// Planned is how many windows of each fault the schedule asks for.
	Planned map[string]int `json:"planned,omitempty"`
	Final   Point          `json:"final"` // Never when the run did not come so far
}
