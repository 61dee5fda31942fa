package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// round is one probe of a fault, as it stands in a window's evidence.
type round struct {
	Time  time.Duration      `json:"time"`
	Seen  bool               `json:"seen"`
	Edges []cluster.Evidence `json:"edges"`
}

// certificate is a window's evidence: what the hearing agents received before, during and after.
type certificate struct {
	Before, During, After []round
	Rules                 map[string]string
}

// readCertificate takes what is there: evidence of another shape (of a fault that is no cut, or of another version)
// leaves parts empty and is never an error.
func readCertificate(v history.Value) certificate {
	var raw struct {
		Before json.RawMessage            `json:"before"`
		During json.RawMessage            `json:"during"`
		After  json.RawMessage            `json:"after"`
		Rules  map[string]json.RawMessage `json:"rules"`
	}
	if v.IsNil() || v.Decode(&raw) != nil {
		return certificate{}
	}
	c := certificate{Before: readRounds(raw.Before), During: readRounds(raw.During), After: readRounds(raw.After), Rules: map[string]string{}}
	for _, node := range slices.Sorted(maps.Keys(raw.Rules))[:min(len(raw.Rules), maxNodes)] {
		c.Rules[node] = readText(raw.Rules[node])
	}
	return c
}

// readRounds takes a list of rounds, or one round's edges.
func readRounds(b json.RawMessage) []round {
	var items []json.RawMessage
	if json.Unmarshal(b, &items) != nil {
		return nil
	}
	var rounds []round
	var edges []cluster.Evidence
	for _, it := range items {
		var r round
		var e cluster.Evidence
		if json.Unmarshal(it, &r) == nil && r.Edges != nil {
			rounds = append(rounds, r)
		} else if json.Unmarshal(it, &e) == nil && e.To != "" {
			edges = append(edges, e)
		}
	}
	if len(edges) > 0 {
		rounds = append(rounds, round{Time: -1, Edges: edges})
	}
	return rounds
}

// readText takes rules as one text or as a list of lines.
func readText(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) == nil {
		return s
	}
	var lines []string
	if json.Unmarshal(b, &lines) == nil {
		return strings.Join(lines, "\n")
	}
	return string(b)
}

// edgeView is one direction between two nodes in a certificate.
type edgeView struct {
	From, To              string
	Cut                   bool // commanded: To must not hear From
	Before, During, After cellView
	Strip                 []segment // the rounds during the fault, in order
	Proven                bool      // silent on every flow in some round during it
}

// cellView is what was heard over an edge in some rounds.
type cellView struct {
	Class string // heard, silent, mixed, none
	Word  string
	Flows []string // "ipv4 old 0/15"
	TCP   string
}

// segment is a stretch of rounds with the same outcome; its width is in proportion to their number.
type segment struct {
	X, W  float64
	Class string
	Title string
}

// stripWidth is the width of an edge's strip, in CSS pixels.
const stripWidth = 120.0

// The most nodes and edges of one certificate that are shown.
const (
	maxNodes = 40
	maxEdges = 200
)

// edges joins a certificate with the commanded cut, edge by edge: the cut ones first.
func (c certificate) edges(cut []cluster.Edge) []edgeView {
	all := slices.Clone(cut)
	for _, rs := range [][]round{c.Before, c.During, c.After} {
		for _, r := range rs {
			for _, e := range r.Edges {
				all = append(all, e.Edge)
			}
		}
	}
	isCut := map[cluster.Edge]bool{}
	for _, e := range cut {
		isCut[e] = true
	}
	slices.SortFunc(all, func(a, b cluster.Edge) int {
		if isCut[a] != isCut[b] {
			if isCut[a] {
				return -1
			}
			return 1
		}
		return a.Compare(b)
	})
	var out []edgeView
	all = slices.Compact(all)
	for _, e := range all[:min(len(all), maxEdges)] {
		v := edgeView{From: e.From, To: e.To, Cut: isCut[e], Before: cell(c.Before, e), During: cell(c.During, e), After: cell(c.After, e)}
		v.Strip, v.Proven = strip(c.During, e)
		out = append(out, v)
	}
	return out
}

func stateOf(e cluster.Evidence) string {
	switch {
	case e.Err != "":
		return "none"
	case e.Heard():
		return "heard"
	case e.Silent():
		return "silent"
	}
	return "mixed"
}

// cell sums what was heard over one edge.
func cell(rs []round, edge cluster.Edge) cellView {
	states := map[string]int{}
	type flow struct{ family, kind string }
	var order []flow
	sums := map[flow][2]int{}
	var v cellView
	n := 0
	for _, r := range rs {
		for _, e := range r.Edges {
			if e.Edge != edge {
				continue
			}
			n++
			states[stateOf(e)]++
			if e.Err != "" {
				v.TCP = "not asked: " + clip(e.Err, 120)
			} else if e.TCP != "" {
				v.TCP = "tcp " + clip(e.TCP, 24)
			}
			for _, f := range e.Flows {
				k := flow{clip(f.Family, 8), clip(f.Kind, 8)}
				s, ok := sums[k]
				if !ok {
					order = append(order, k)
				}
				sums[k] = [2]int{s[0] + f.Heard, s[1] + f.Sent}
			}
		}
	}
	for _, k := range order[:min(len(order), 8)] {
		v.Flows = append(v.Flows, fmt.Sprintf("%s %s %d/%d", strings.Replace(k.family, "ipv", "v", 1), k.kind, sums[k][0], sums[k][1]))
	}
	v.Class, v.Word = "mixed", fmt.Sprintf("silent %d×, heard %d×, unclear %d×", states["silent"], states["heard"], states["mixed"]+states["none"])
	for class, word := range map[string]string{"heard": "heard", "silent": "silent", "none": "could not be asked", "mixed": "partly heard"} {
		if n > 0 && states[class] == n {
			v.Class, v.Word = class, word
			if n > 1 {
				v.Word = fmt.Sprintf("%s (all %d probes)", word, n)
			}
		}
	}
	if n == 0 {
		v.Class, v.Word = "none", "not probed"
	}
	return v
}

// strip gives an edge's rounds during the fault as stretches.
func strip(rs []round, edge cluster.Edge) (segs []segment, silent bool) {
	type run struct {
		class    string
		n        int
		from, to time.Duration
	}
	var runs []run
	n := 0
	for _, r := range rs {
		i := slices.IndexFunc(r.Edges, func(e cluster.Evidence) bool { return e.Edge == edge })
		if i < 0 {
			continue
		}
		n++
		class := stateOf(r.Edges[i])
		silent = silent || class == "silent"
		if len(runs) > 0 && runs[len(runs)-1].class == class {
			runs[len(runs)-1].n++
			runs[len(runs)-1].to = r.Time
		} else {
			runs = append(runs, run{class, 1, r.Time, r.Time})
		}
	}
	x := 0.0
	for _, r := range runs[:min(len(runs), 60)] {
		w := stripWidth * float64(r.n) / float64(n)
		segs = append(segs, segment{x, w, r.class, fmt.Sprintf("%s: %s, %s to %s", r.class, plural(r.n, "probe"), at(r.from), at(r.to))})
		x += w
	}
	return segs, silent
}
