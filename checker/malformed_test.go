package checker

import (
	"context"
	"strings"
	"testing"

	"github.com/partita-dev/partita/history"
)

// TestShapesThatAreNone: what a checker cannot read is named by its index, and is no verdict.
func TestShapesThatAreNone(t *testing.T) {
	ok := func(f string, args, answer history.Value) []history.Op {
		return []history.Op{
			{Index: 10, Type: history.Invoke, F: f, Value: args, Node: "n1"},
			{Index: 11, Type: history.OK, F: f, Value: answer, Node: "n1"},
		}
	}
	for _, c := range []struct {
		spec  Spec
		ops   []history.Op
		index int64
		want  string
	}{
		{Set(), ok("read", "", "5"), 11, "a read answered 5: expected a list"},
		{Set(), ok("pop", "", "5"), 10, `operation "pop": a set has add and read`},
		{Counter(), ok("add", `"x"`, `"x"`), 10, `add of "x": expected a whole number`},
		{Counter(), ok("read", "", "[1]"), 11, "a read answered [1]: expected a whole number"},
		{Bank(), ok("read", "", "7"), 11, "a read answered 7: expected the balance of each account"},
		{UniqueIDs(), ok("generate", "", ""), 11, "gave no id"},
		{Lock(), ok("write", "7", "7"), 10, "write of 7 under a lock: expected [token,value]"},
	} {
		t.Run(c.spec.Name+" "+c.want, func(t *testing.T) {
			v, err := history.NewView(c.ops)
			if err != nil {
				t.Fatal(err)
			}
			r := c.spec.Checker.Check(context.Background(), Input{History: v, Params: history.Params{"total": "5"}})
			if r.Verdict != Unknown || r.Malformed == nil || r.Malformed.Index != c.index || !strings.Contains(r.Malformed.Text, c.want) || !strings.Contains(r.Reason, r.Malformed.Error()) {
				t.Fatalf("%s, %+v: %s", r.Verdict, r.Malformed, r.Reason)
			}
		})
	}
}
