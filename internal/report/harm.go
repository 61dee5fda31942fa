package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// harmed is what one probe found on a node that a fault of processes harms, as the nemesis writes it.
type harmed struct {
	Node    string `json:"node"`
	Daemons []struct {
		Name    string `json:"name"`
		Running bool   `json:"running"`
		Paused  bool   `json:"paused"`
		Exit    string `json:"exit"`
	} `json:"daemons"`
	Asked  bool   `json:"asked"`
	Serves bool   `json:"serves"`
	Error  string `json:"error"`
}

// nodeView is a row of a certificate of processes.
type nodeView struct {
	Node                  string
	Before, During, After cellView
}

// readHarm takes the evidence about processes from a certificate, one row a node; evidence of another shape gives none.
func readHarm(v history.Value) []nodeView {
	var parts [3][]harmed // before, during, after: each round's nodes
	var raw struct{ Before, During, After []json.RawMessage }
	if v.IsNil() || v.Decode(&raw) != nil {
		return nil
	}
	var names []string
	for i, rounds := range [][]json.RawMessage{raw.Before, raw.During, raw.After} {
		for _, b := range rounds {
			var r struct{ Edges struct{ Nodes []harmed } }
			if json.Unmarshal(b, &r) != nil { // a cut's evidence is a list
				continue
			}
			for _, h := range r.Edges.Nodes {
				parts[i] = append(parts[i], h)
				if !slices.Contains(names, h.Node) {
					names = append(names, h.Node)
				}
			}
		}
	}
	var views []nodeView
	for _, n := range names[:min(len(names), maxNodes)] {
		views = append(views, nodeView{plain(clip(n, 20)), harmCell(parts[0], n), harmCell(parts[1], n), harmCell(parts[2], n)})
	}
	return views
}

// harmCell sums what was found on one node in some rounds.
func harmCell(rounds []harmed, node string) cellView {
	type state struct{ class, word string }
	var order []state
	counts := map[state]int{}
	details := map[string]bool{}
	var v cellView
	n := 0
	for _, h := range rounds {
		if h.Node != node {
			continue
		}
		n++
		var s state
		s.class, s.word = h.state()
		if counts[s]++; counts[s] == 1 {
			order = append(order, s)
		}
		for _, d := range h.Daemons {
			if text := clip(d.Name, 30) + ": " + clip(d.Exit, 80); d.Exit != "" && !d.Running && !details[text] && len(details) < 6 {
				details[text] = true
				v.Flows = append(v.Flows, text)
			}
		}
	}
	if n == 0 {
		return cellView{Class: "none", Word: "not probed"}
	}
	v.Class, v.Word = order[0].class, order[0].word
	if len(order) > 1 {
		var words []string
		for _, s := range order {
			words = append(words, fmt.Sprintf("%s %d×", s.word, counts[s]))
		}
		v.Class, v.Word = "mixed", strings.Join(words, ", ")
	} else if n > 1 {
		v.Word = fmt.Sprintf("%s (all %d probes)", v.Word, n)
	}
	return v
}

// state is what a probe found on a node in a word, with the class that colours it.
func (h harmed) state() (class, word string) {
	running, paused := 0, 0
	for _, d := range h.Daemons {
		if d.Running {
			running++
		}
		if d.Paused {
			paused++
		}
	}
	switch all := len(h.Daemons); {
	case h.Error != "" || all == 0:
		return "none", "could not be asked"
	case running == 0 && h.Serves:
		return "mixed", "no process runs, and yet something serves"
	case running == 0:
		return "silent", "not running"
	case paused == all:
		return "silent", "paused"
	case running < all:
		return "mixed", "some processes do not run"
	case paused > 0:
		return "mixed", "some processes are paused"
	case h.Serves:
		return "heard", "runs and serves"
	case h.Asked:
		return "mixed", "runs, and does not serve"
	}
	return "mixed", "runs"
}
