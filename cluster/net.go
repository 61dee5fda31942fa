package cluster

import (
	"cmp"
	"context"
)

// Edge is one direction between two nodes. As a cut: To must not hear From.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Compare orders edges.
func (e Edge) Compare(o Edge) int {
	return cmp.Or(cmp.Compare(e.From, o.From), cmp.Compare(e.To, o.To))
}

// Net is the network between the nodes.
type Net interface {
	// Set makes edges the whole desired state of who must not hear whom, on all nodes at once; nil heals.
	// It resolves addresses anew each time. It goes on past a node that fails, and the error names each.
	Set(ctx context.Context, edges []Edge) error
	// Reach sends numbered probes over each edge and says what the hearing side received. A node that cannot
	// be asked is an Evidence with Err, not an error.
	Reach(ctx context.Context, edges []Edge) ([]Evidence, error)
}

// Flow is what was heard of the numbered UDP probes of one kind over one edge.
type Flow struct {
	Family string `json:"family"` // "ipv4", "ipv6"
	Kind   string `json:"kind"`   // "old": a flow that existed before the fault; "fresh": a new one for this round
	Sent   int    `json:"sent"`
	Heard  int    `json:"heard"` // distinct numbers that the hearing agent received
}

// Evidence is one edge of a certificate. UDP flows decide; TCP fails in both directions when one is cut and
// backs off for seconds after healing, so it is shown and decides nothing.
type Evidence struct {
	Edge
	Flows []Flow `json:"flows"`
	TCP   string `json:"tcp,omitempty"` // "connected", "timeout", "refused"
	Err   string `json:"err,omitempty"`
}

// Heard reports whether something came through on every flow.
func (e Evidence) Heard() bool {
	for _, f := range e.Flows {
		if f.Heard == 0 {
			return false
		}
	}
	return e.Err == "" && len(e.Flows) > 0
}

// Silent reports whether nothing came through on any flow, though enough was sent on each to tell.
func (e Evidence) Silent() bool {
	for _, f := range e.Flows {
		if f.Heard > 0 || f.Sent < 3 {
			return false
		}
	}
	return e.Err == "" && len(e.Flows) > 0
}
