package checker

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// story reads "node type f value ext" lines, of which the last two may be missing; a client does one thing at a time on each node. A line "final" begins the final phase.
func story(t *testing.T, text string) (*history.View, *history.Plan) {
	t.Helper()
	var ops []history.Op
	plan := &history.Plan{Nodes: []string{"n1", "n2"}, Final: history.Never}
	types := map[string]history.Type{"invoke": history.Invoke, "ok": history.OK, "fail": history.Fail, "info": history.Info}
	proc := map[string]int32{"n1": 1, "n2": 2, "n3": 3}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
			continue
		case f[0] == "final":
			plan.Final = history.Point{Index: int64(len(ops))}
			continue
		}
		o := history.Op{Index: int64(len(ops)), Time: time.Duration(len(ops)) * time.Millisecond, Node: f[0], Process: proc[f[0]], Type: types[f[1]], F: f[2]}
		if len(f) > 3 {
			o.Value = history.Value(f[3])
		}
		if len(f) > 4 {
			o.Ext = history.Value(f[4])
		}
		if ops = append(ops, o); o.Type == history.Info {
			proc[f[0]] += 10
		}
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v, plan
}

func TestSetStories(t *testing.T) {
	const added = `
		n1 invoke add 1
		n1 ok     add 1
		n2 invoke add 2
		n2 ok     add 2
		n1 invoke add 3
		n1 info   add 3
		n2 invoke add 4
		n2 fail   add 4
		final
		`
	read := func(node, list string) string {
		return node + " invoke read\n" + node + " ok read " + list + "\n"
	}
	for _, c := range []struct {
		name, text string
		lone       bool // no plan
		want       Verdict
		anomalies  string
		says       string
	}{
		{name: "all there", text: added + read("n1", "[1,2]") + read("n2", "[2,1]"), want: Valid},
		{name: "an unknown add may be there", text: added + read("n1", "[1,2,3]") + read("n2", "[1,2,3]"), want: Valid},
		{name: "it may come late", text: added + read("n1", "[1,2]") + read("n2", "[1,2,3]"), want: Valid},
		{name: "but not go again", text: added + read("n1", "[1,2,3]") + read("n2", "[1,2]"), want: Invalid, anomalies: "diverged"},
		{name: "unless the reads overlap", text: added + "n2 invoke read\n" + read("n1", "[1,2,3]") + "n2 ok read [1,2]\n", want: Valid},
		{name: "lost", text: added + read("n1", "[1]") + read("n2", "[1]"), want: Invalid, anomalies: "lost-element", says: "1 element acknowledged and then missing from the last read (n2): 2"},
		{name: "lost on the first, there on the last", text: added + read("n1", "[1]") + read("n2", "[1,2]"), want: Invalid, anomalies: "diverged"},
		{name: "lost on the last, there on the first", text: added + read("n1", "[1,2]") + read("n2", "[1]"), want: Invalid, anomalies: "lost-element diverged"},
		{name: "unexpected", text: added + read("n1", "[1,2,9]") + read("n2", "[1,2,9]"), want: Invalid, anomalies: "unexpected-element"},
		{name: "aborted", text: added + read("n1", "[1,2,4]") + read("n2", "[1,2,4]"), want: Invalid, anomalies: "aborted-element"},
		{name: "one node was not read", text: added + read("n1", "[1,2]"), want: Unknown, says: "through n2"},
		{name: "no node was read", text: added, want: Unknown, says: "no final read"},
		{name: "a found loss stays a loss when a node was not read", text: added + read("n1", "[1]"), want: Invalid, anomalies: "lost-element"},
		{name: "a read before the final phase is none", text: read("n1", "[]") + read("n2", "[]") + added, want: Unknown, says: "no final read"},
		{name: "the last read of a node counts", text: added + read("n1", "[1]") + read("n1", "[1,2]") + read("n2", "[1,2]"), want: Valid},
		{name: "the final phase never came", text: strings.Replace(added, "final", "", 1) + read("n1", "[1,2]"), want: Inconclusive, says: "final phase"},
		{name: "nothing was added", text: "final\n" + read("n1", "[]") + read("n2", ""), want: Unknown, says: "nothing to lose"},
		{name: "no list", text: added + read("n1", "7") + read("n2", "[1,2]"), want: Unknown, says: "expected a list"},
		{name: "no set", text: "n1 invoke pop\nn1 ok pop\nfinal\n", want: Unknown, says: "a set has add and read"},
		{name: "without a plan the last reads count", lone: true, text: read("n1", "[]") + strings.Replace(added, "final", "", 1) + read("n1", "[1,2]") + read("n2", "[1,2]"), want: Valid},
		{name: "without a plan what came after the last read is not judged", lone: true, want: Valid,
			text: "n1 invoke add 1\nn1 ok add 1\n" + read("n1", "[1]") + "n1 invoke add 2\nn1 ok add 2\n"},
		{name: "without a plan, lost", lone: true, text: strings.Replace(added, "final", "", 1) + read("n1", "[1]") + read("n2", "[1]"), want: Invalid, anomalies: "lost-element"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, plan := story(t, c.text)
			if c.lone {
				plan = nil
			}
			r := Set().Checker.Check(context.Background(), Input{History: v, Plan: plan})
			var names []string
			for _, a := range r.Anomalies {
				names = append(names, a.Name)
				if len(a.Ops) == 0 || a.Text == "" || len(a.RulesOut) == 0 {
					t.Errorf("%+v", a)
				}
				if _, err := json.Marshal(a); err != nil {
					t.Error(err)
				}
			}
			if r.Verdict != c.want || strings.Join(names, " ") != c.anomalies || !strings.Contains(r.Reason, c.says) {
				t.Errorf("%s %q %q\nwant %s %q saying %q", r.Verdict, names, r.Reason, c.want, c.anomalies, c.says)
			}
			if r.Verdict != Valid && r.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

func TestStats(t *testing.T) {
	v, _ := story(t, "n1 invoke add 1\nn1 ok add 1\nn2 invoke add 2\nn2 info add 2\nn1 invoke read\nn1 ok read [1]\n")
	r := Stats().Checker.Check(context.Background(), Input{History: v})
	by := r.Facts["by operation"].(map[string]*Tally)
	if r.Verdict != Valid || by["add"].OK != 1 || by["add"].Info != 1 || by["add"].Max < 0.9 || by["add"].Max > 1.1 {
		t.Errorf("%+v %+v", r, by["add"])
	}
	v, _ = story(t, "n1 invoke add 1\nn1 ok add 1\nn1 invoke read\nn1 fail read\n")
	if r := Stats().Checker.Check(context.Background(), Input{History: v}); r.Verdict != Unknown || !strings.Contains(r.Reason, "read") {
		t.Errorf("%+v", r)
	}
	v, _ = story(t, "")
	for _, s := range []Spec{Set(), Stats(), Coverage()} {
		if r := s.Checker.Check(context.Background(), Input{History: v, Plan: &history.Plan{Final: history.Point{}}}); r.Verdict == Valid || r.Reason == "" {
			t.Errorf("%s says %s of nothing at all", s.Name, r.Verdict)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[history.Value]string{
		"": "null", "null": "null", "1": "1", "-5": "-5", "1.0": "1", "1e2": "100", "1.5": "1.5", "-0": "0", "01": "01",
		`{"b": 1, "a": [ 1.0, null ]}`: `{"a":[1,null],"b":1}`, `"x"`: `"x"`, "\"\\u0041\"": `"A"`, "{": "{", "1 2": "1 2",
		"12345678901234567890123": "12345678901234567890123", "9007199254740993": "9007199254740993",
	} {
		if got := Canonical(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
