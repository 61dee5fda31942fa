package txn

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// Cycle is the Data of an anomaly that is a cycle: the transactions, and why each must come before the next.
type Cycle struct {
	checker.Exhibit
	Edges []Edge `json:"edges"`
}

// Edge is one step of a Cycle. From and To are places in its Ops.
type Edge struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"` // ww, wr, rw, process, realtime
	Key  string `json:"key,omitempty"`
	Why  string `json:"why"`
}

// proven is a cycle whose every edge was verified in the raw history.
type proven struct {
	cycle
	claims []claim
}

// prove makes the claims of the shortest cycles of each kind and has them verified. doubted counts those that the verifier
// did not confirm: there must be none, and they are not shown.
func prove(c *columns, s *searcher, from source, writes string) (out map[string][]proven, doubted int) {
	v := c.view
	out = map[string][]proven{}
	check := verifier{v: v, writes: writes}
	for name, cs := range s.cycles {
		slices.SortStableFunc(cs, func(a, b cycle) int { return cmp.Compare(len(a.edges), len(b.edges)) })
		for _, y := range cs[:min(len(cs), described)] {
			p := proven{cycle: y}
			for _, e := range y.edges {
				if reason, ok := explained(c, from, e); ok {
					p.claims = append(p.claims, reason)
				}
			}
			if len(p.claims) < len(y.edges) || check.cycle(p.claims) != nil {
				doubted++
				continue
			}
			out[name] = append(out[name], p)
		}
	}
	names := slices.Sorted(maps.Keys(out))
	var all [][]claim
	for _, name := range names {
		for _, p := range out[name] {
			all = append(all, p.claims)
		}
	}
	wrong, i := check.refuted(all), -1
	for _, name := range names {
		out[name] = slices.DeleteFunc(out[name], func(proven) bool {
			i++
			return wrong[i]
		})
	}
	return out, doubted + len(wrong)
}

// anomaly puts a verified cycle into words.
func (p proven) anomaly(v *history.View, writes string) checker.Anomaly {
	did := map[string]string{"append": "appended", "w": "wrote"}[writes]
	name := func(call int) string { return fmt.Sprintf("T%d", v.Inv(v.Calls[call]).Index) }
	x := Cycle{Exhibit: checker.Exhibit{Why: "each of these transactions must come before the next, and the last one before the first: no order of them explains what they saw"}}
	var text []string
	var calls []history.Call
	keys := map[string]bool{}
	for i, c := range p.claims {
		call := v.Calls[c.from]
		why := c.sentence(v, did, name)
		calls = append(calls, call)
		x.Ops = append(x.Ops, checker.ExhibitCall(v, call, name(c.from)))
		x.Edges = append(x.Edges, Edge{From: i, To: (i + 1) % len(p.claims), Kind: c.kind, Key: c.key, Why: why})
		text = append(text, fmt.Sprintf("%s comes before %s: %s.", name(c.from), name(c.to), why))
		if c.key != "" {
			keys[c.key] = true
		}
	}
	key := ""
	if len(keys) == 1 {
		for k := range keys {
			key = k
		}
	}
	return checker.Anomaly{
		Name: p.name(), Key: key, Ops: checker.Events(v, calls...), Data: x,
		Text: strings.Join(text, " ") + fmt.Sprintf(" So %s would have to come before itself.", name(p.claims[0].from)),
	}
}
