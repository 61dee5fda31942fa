package checker

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/history"
)

// told is a story with what a checker must say of it.
type told struct {
	name, text string
	params     history.Params
	want       Verdict
	anomalies  string
	says       string
}

func tell(t *testing.T, c Checker, stories []told) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			v, plan := story(t, s.text)
			r := c.Check(context.Background(), Input{History: v, Plan: plan, Params: s.params})
			for _, a := range r.Anomalies {
				if _, ok := Explain(a.Name); !ok || len(a.Ops) == 0 || a.Text == "" || len(a.RulesOut) == 0 {
					t.Errorf("%+v", a)
				}
				if _, err := json.Marshal(a); err != nil {
					t.Error(err)
				}
			}
			if got := names(r); r.Verdict != s.want || got != s.anomalies || !strings.Contains(r.Reason, s.says) {
				t.Errorf("%s %q %q\nwant %s %q saying %q", r.Verdict, got, r.Reason, s.want, s.anomalies, s.says)
			}
			if r.Verdict != Valid && r.Reason == "" {
				t.Error("no reason")
			}
		})
	}
}

func names(r Result) string {
	var ns []string
	for _, a := range r.Anomalies {
		ns = append(ns, a.Name)
	}
	return strings.Join(ns, " ")
}

// All of them are careful with what is no history of theirs.
func TestOnePassCheckersOfNothingAndOfOthers(t *testing.T) {
	for _, s := range []Spec{Counter(), UniqueIDs(), Bank(), Lock()} {
		p := history.Params{"total": "1"}
		for _, text := range []string{"", "n1 invoke dance\nn1 ok dance\n"} {
			v, _ := story(t, text)
			if r := s.Checker.Check(context.Background(), Input{History: v, Params: p}); r.Verdict != Unknown || r.Reason == "" {
				t.Errorf("%s: %s %q", s.Name, r.Verdict, r.Reason)
			}
		}
		v, _ := story(t, "n1 invoke read\nn1 ok read 1\n")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if r := s.Checker.Check(ctx, Input{History: v, Params: p}); r.Verdict != Unknown || !strings.Contains(r.Reason, "time") {
			t.Errorf("%s, interrupted: %s %q", s.Name, r.Verdict, r.Reason)
		}
	}
}

// step is one thing that happens in a random history: an idle process invokes, a busy one completes.
type step struct {
	process, f, end, value int
}

// random draws a history of three clients. make gives the operation that a step invokes, answer its completion.
func random(t *rapid.T, most int, make func(step) history.Op, answer func(step, history.Op) history.Op) *history.View {
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{rapid.IntRange(0, 2).Draw(t, "process"), rapid.IntRange(0, 9).Draw(t, "f"), rapid.IntRange(0, 9).Draw(t, "end"), rapid.IntRange(-3, 6).Draw(t, "value")}
	}), 2, most).Draw(t, "steps")
	open := map[int32]history.Op{}
	process := []int32{0, 1, 2}
	var ops []history.Op
	for _, s := range steps {
		o, busy := open[process[s.process]]
		if !busy {
			o = make(s)
			o.Process, o.Type = process[s.process], history.Invoke
			open[o.Process] = o
		} else {
			delete(open, o.Process)
			switch s.end {
			case 0:
				o.Type = history.Fail
			case 1:
				o.Type = history.Info
				process[s.process] += 3
			default:
				o.Type = history.OK
				o = answer(s, o)
			}
		}
		o.Index = int64(len(ops))
		ops = append(ops, o)
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// agree compares the names of the anomalies that a checker finds with those of an oracle, and shows for each mistake that
// the comparison notices it.
func agree(t *testing.T, make func(mistake) Checker, mistakes []mistake, draw func(*rapid.T) (Input, []string)) {
	t.Helper()
	same := func(in Input, m mistake, want []string) (string, bool) {
		r := make(m).Check(context.Background(), in)
		got := strings.Fields(names(r))
		slices.Sort(got)
		got = slices.Compact(got)
		return strings.Join(got, " ") + " " + r.Reason, slices.Equal(got, want) && (r.Verdict == Invalid) == (len(want) > 0)
	}
	missed := map[mistake]bool{}
	for _, m := range mistakes {
		missed[m] = true
	}
	found := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			in, want := draw(t)
			for _, name := range want {
				found[name] = true
			}
			if got, ok := same(in, "", want); !ok {
				t.Fatalf("got %s, want %s\n%s", got, want, plain(in.History))
			}
			for m := range missed {
				if _, ok := same(in, m, want); !ok {
					delete(missed, m)
				}
			}
		}
	})
	for m := range missed {
		t.Errorf("nothing shows that this is wrong: %s", m)
	}
	t.Logf("found: %s", strings.Join(slices.Sorted(maps.Keys(found)), ", "))
	if len(found) == 0 {
		t.Error("no random history had an anomaly")
	}
}

// plain is a history for people.
func plain(v *history.View) string {
	var b strings.Builder
	for _, o := range v.Ops {
		b.WriteString(strings.Join([]string{string(history.Int(int64(o.Process))), o.Type.String(), o.F, string(o.Value), string(o.Ext)}, " ") + "\n")
	}
	return b.String()
}

// What is no history of a checker's is said with the event, so that the line of a file can be named.
func TestMalformedNamesTheEvent(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		text string
		at   int64
	}{
		{Set(), "n1 invoke add 1\nn1 ok add 1\nn1 invoke read\nn1 ok read 7\n", 3},
		{Set(), "n1 invoke pop\nn1 ok pop\n", 0},
		{Counter(), "n1 invoke add 1\nn1 ok add 1\nn1 invoke add [1]\nn1 ok add\n", 2},
		{UniqueIDs(), "n1 invoke generate\nn1 ok generate\n", 1},
		{Bank(), "n1 invoke read\nn1 ok read 7\n", 1},
		{Lock(), "n1 invoke acquire\nn1 ok acquire\nn1 invoke write 5\nn1 ok write 5\n", 2},
	} {
		v, _ := story(t, c.text)
		r := c.spec.Checker.Check(context.Background(), Input{History: v, Params: history.Params{"total": "1"}})
		if r.Malformed == nil || r.Malformed.Index != c.at || r.Verdict == Valid || !strings.Contains(r.Reason, r.Malformed.Text) {
			t.Errorf("%s: %+v %s", c.spec.Name, r.Malformed, r.Reason)
		}
	}
}
