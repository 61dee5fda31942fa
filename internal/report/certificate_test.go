package report

import (
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// A cut that one flow still crossed is not proven, whatever was commanded.
func TestACutThatLeaksIsNotProven(t *testing.T) {
	for _, seen := range []bool{true, false} {
		v := viewWindow(sampleWindow("w1", []string{"n2"}, time.Second, 11*time.Second, seen), 20*time.Second)
		if len(v.Edges) != 4 || len(v.Graph.Arrows) != 4 {
			t.Fatalf("%d edges, %d arrows, want 4 of each", len(v.Edges), len(v.Graph.Arrows))
		}
		for i, e := range v.Edges {
			if !e.Cut || e.Proven != seen || (v.Graph.Arrows[i].Class == "proven") != seen {
				t.Errorf("seen %v: edge %s→%s: cut %v, proven %v, drawn as %s", seen, e.From, e.To, e.Cut, e.Proven, v.Graph.Arrows[i].Class)
			}
			if e.Before.Class != "heard" || e.After.Class != "heard" {
				t.Errorf("before %s, after %s, want heard", e.Before.Class, e.After.Class)
			}
		}
		if v.Never == seen {
			t.Errorf("seen %v, but never is %v", seen, v.Never)
		}
	}
}

// An edge nobody probed, or could not be asked about, is said to be so and never counts as silent.
func TestWhatWasNotProbedIsNotSilent(t *testing.T) {
	edge := cluster.Edge{From: "n1", To: "n2"}
	for name, evidence := range map[string]history.Value{
		"nothing":       "",
		"not an object": "[1,2]",
		"not JSON":      "{",
		"other fields":  `{"killed":["n1"]}`,
		"no flows":      `{"during":[{"time":1,"seen":true,"edges":[{"from":"n1","to":"n2","flows":[]}]}]}`,
		"an error":      `{"during":[{"time":1,"seen":true,"edges":[{"from":"n1","to":"n2","flows":[{"family":"ipv4","kind":"old","sent":5,"heard":0}],"err":"n2 does not answer"}]}]}`,
		"wrong types":   `{"during":{"time":"x"},"before":"?","rules":{"n1":7}}`,
	} {
		edges := readCertificate(evidence).edges([]cluster.Edge{edge})
		if len(edges) != 1 || edges[0].Proven || edges[0].During.Class == "silent" {
			t.Errorf("%s: %+v", name, edges)
		}
	}
	// The same with the error taken away is silent: the check above can tell.
	good := `{"during":[{"time":1,"seen":true,"edges":[{"from":"n1","to":"n2","flows":[{"family":"ipv4","kind":"old","sent":5,"heard":0}]}]}]}`
	if e := readCertificate(history.Value(good)).edges([]cluster.Edge{edge}); !e[0].Proven || e[0].During.Class != "silent" {
		t.Errorf("a silent edge is not: %+v", e[0])
	}
}

// An edge that came back in the middle of the fault shows as a stretch of its own.
func TestAnEdgeThatCameBackIsSeenInTheStrip(t *testing.T) {
	e := func(heard int) []cluster.Evidence {
		return []cluster.Evidence{{Edge: cluster.Edge{From: "a", To: "b"}, Flows: []cluster.Flow{{Family: "ipv4", Kind: "old", Sent: 5, Heard: heard}}}}
	}
	c := certificate{During: []round{{Time: 1, Edges: e(0)}, {Time: 2, Edges: e(0)}, {Time: 3, Edges: e(5)}, {Time: 4, Edges: e(0)}}}
	v := c.edges(nil)[0]
	var classes []string
	for _, s := range v.Strip {
		classes = append(classes, s.Class)
	}
	if got := strings.Join(classes, " "); got != "silent heard silent" {
		t.Errorf("the strip is %q", got)
	}
	if v.Cut || v.During.Word != "silent 3×, heard 1×, unclear 0×" {
		t.Errorf("cut %v, during %q", v.Cut, v.During.Word)
	}
}
