package txn

import (
	"context"
	"strings"
	"testing"

	"github.com/partita-dev/partita/history"
)

// wrongTurn is a source that lies about one edge.
type wrongTurn struct {
	source
	change func(*claim)
}

func (w wrongTurn) why(e edge) (claim, bool) {
	c, ok := w.source.why(e)
	w.change(&c)
	return c, ok
}

// A cycle of which one edge is wrong is not shown, whatever is wrong about it.
func TestTheVerifierRefusesABrokenEdge(t *testing.T) {
	v := story(t, `
0 invoke append x 1 . r y
1 invoke append y 2 . r x
0 ok append x 1 . r y [2]
1 ok append y 2 . r x [1]
- 2 r x [1] . r y [2]
- 3 append x 7`)
	c, err := read(context.Background(), v, "append")
	if err != nil {
		t.Fatal(err)
	}
	l := readLists(c, "", 1)
	s := search(context.Background(), l.graph(), c.timeline(), "")
	shown, doubted := prove(c, s, l, "append")
	if len(shown["G1c"]) != 1 || doubted != 0 {
		t.Fatalf("found %v, %d not confirmed, expected one G1c", shown, doubted)
	}
	for name, change := range map[string]func(*claim){
		"the element":             func(c *claim) { c.a = "7" },
		"the key":                 func(c *claim) { c.key = "z" },
		"the kind":                func(c *claim) { c.kind = "ww" },
		"another kind":            func(c *claim) { c.kind = "rw"; c.b = c.a; c.a = "" },
		"a kind that is none":     func(c *claim) { c.kind = "wwp" },
		"real time":               func(c *claim) { c.kind = "realtime" },
		"the order of a process":  func(c *claim) { c.kind = "process" },
		"the writer":              func(c *claim) { c.from = 3 },
		"the reader":              func(c *claim) { c.to = 3 },
		"a step to itself":        func(c *claim) { c.to = c.from },
		"an append that was seen": func(c *claim) { c.kind, c.because, c.b, c.p = "ww", unseen, "2", 2 },
	} {
		shown, doubted := prove(c, s, wrongTurn{l, change}, "append")
		if len(shown["G1c"]) != 0 || doubted == 0 {
			t.Errorf("with a wrong %s the cycle is shown: %+v", name, shown["G1c"])
		}
	}
	j := judgement{columns: c, found: &l.found, graph: l.graph(), source: wrongTurn{l, func(c *claim) { c.key = "z" }}, writes: "append", facts: map[string]any{}}
	a, _ := ask(history.Params{"consistency": "read-uncommitted"})
	if r := j.result(context.Background(), a); r.Verdict.String() != "unknown" || !strings.Contains(r.Reason, "error of the checker") {
		t.Errorf("%s, %q: expected unknown, for the checker contradicts itself", r.Verdict, r.Reason)
	}
}
