package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// round is one probe of a fault.
type round struct {
	Time  time.Duration `json:"time"`
	Seen  bool          `json:"seen"`
	Gone  bool          `json:"gone"`
	Edges history.Value `json:"edges"` // what the fault's Observe gave: for cuts a list of cluster.Evidence
	Error string        `json:"error,omitempty"`

	state string // what of it is worth keeping when it changes
}

// certificate is the evidence of a window: probes before, during and after, and the rules that the nodes had then.
// It is bounded: the first rounds, each that differs from the one before it, and the last.
type certificate struct {
	Before  []round           `json:"before"`
	During  []round           `json:"during"`
	After   []round           `json:"after"`
	Skipped int               `json:"skipped,omitempty"` // rounds that were like the one before them, or too many
	Rules   map[string]string `json:"rules,omitempty"`
}

// mostRounds bounds each part of a certificate.
const mostRounds = 12

func (r *Runner) round(o Observation, err error) round {
	x := round{Time: r.cfg.Point().Time, Seen: o.Seen, Gone: o.Gone, Edges: o.Evidence}
	if err != nil {
		x.Error = err.Error()
	}
	x.state = fmt.Sprint(x.Seen, x.Gone, x.Error, heard(x.Edges))
	return x
}

// heard is one letter for each edge of a cut's evidence, "" for evidence of another kind.
func heard(v history.Value) string {
	var es []cluster.Evidence
	if v.Decode(&es) != nil {
		return ""
	}
	var b strings.Builder
	for _, e := range es {
		switch {
		case e.Heard():
			b.WriteByte('h')
		case e.Silent():
			b.WriteByte('s')
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// add keeps a round of one of the parts. The last one is always there.
func (c *certificate) add(part *[]round, x round) {
	rs := *part
	if n := len(rs); n >= 2 && (rs[n-1].state == rs[n-2].state && rs[n-1].state == x.state || n >= mostRounds) {
		rs[n-1] = x
		c.Skipped++
		return
	}
	*part = append(rs, x)
}

// rules keeps what a network that can tell its rules says.
func (c *certificate) rules(n cluster.Net) {
	if t, ok := n.(interface{ Rules() map[string]string }); ok {
		c.Rules = t.Rules()
	}
}

// value is the certificate as it stands in a window; nil while nothing was probed.
func (c *certificate) value() history.Value {
	if len(c.Before)+len(c.During)+len(c.After) == 0 {
		return ""
	}
	x := *c
	x.Before, x.During, x.After = slices.Clip(x.Before), slices.Clip(x.During), slices.Clip(x.After)
	for _, part := range []*[]round{&x.Before, &x.During, &x.After} {
		if *part == nil {
			*part = []round{}
		}
	}
	return history.Of(x)
}
