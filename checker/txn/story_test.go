package txn

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// story writes a history as lines "PROCESS TYPE MOPS": `0 invoke append x 1 . r y`, `0 ok append x 1 . r y [1 2]`.
// A line that begins with "-" and has no type is a whole transaction that nobody ran beside: `- 0 append x 1`.
func story(t *testing.T, text string) *history.View {
	t.Helper()
	var ops []history.Op
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		whole := f[0] == "-"
		if whole {
			f = append([]string{f[1], "ok"}, f[2:]...)
		}
		typ, err := history.ParseType(f[1])
		if err != nil {
			t.Fatal(err)
		}
		var mops []history.Mop
		for _, m := range strings.Split(strings.Join(f[2:], " "), " . ") {
			if m == "" {
				continue
			}
			p := strings.SplitN(m, " ", 3)
			mop := history.Mop{F: p[0], Key: p[1]}
			if len(p) > 2 && p[2] != "nil" {
				mop.Value = history.Value(strings.ReplaceAll(p[2], " ", ","))
			}
			mops = append(mops, mop)
		}
		op := history.Op{Process: int32(f[0][0] - '0'), Type: typ, F: "txn", Value: history.Txn(mops)}
		if whole {
			inv := op
			inv.Type = history.Invoke
			ops = append(ops, inv)
		}
		ops = append(ops, op)
	}
	for i := range ops {
		ops[i].Index = int64(i)
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// names are the anomalies of a result.
func names(r checker.Result) []string {
	counts, _ := r.Facts["anomalies"].(map[string]int)
	return slices.Sorted(maps.Keys(counts))
}

func TestListAppendStories(t *testing.T) {
	for _, c := range []struct {
		name, text string
		params     history.Params
		want       string // the verdict and the anomalies, worst first in the first place
		says       string // in the text of the first anomaly
	}{
		{name: "one after another", text: `
- 0 append x 1
- 1 append x 2 . r x [1 2]
- 2 r x [1 2]`, want: "valid"},
		{name: "dirty writes", text: `
0 invoke append x 1 . append y 1
1 invoke append x 2 . append y 2
0 ok append x 1 . append y 1
1 ok append x 2 . append y 2
- 2 r x [1 2] . r y [2 1]`, want: "invalid G0", says: "T0 appended 1 to key x, and T1 appended 2 after it"},
		{name: "dirty writes are dirty at read uncommitted", params: history.Params{"consistency": "read-uncommitted"}, text: `
0 invoke append x 1 . append y 1
1 invoke append x 2 . append y 2
0 ok append x 1 . append y 1
1 ok append x 2 . append y 2
- 2 r x [1 2] . r y [2 1]`, want: "invalid G0"},
		{name: "an aborted read", text: `
0 invoke append x 1
0 fail append x 1
- 1 append x 2
- 2 r x [1 2]`, want: "invalid G1a", says: "had failed"},
		{name: "an intermediate read", text: `
0 invoke append x 1 . append x 2
1 invoke r x
1 ok r x [1]
0 ok append x 1 . append x 2
- 2 r x [1 2]`, want: "invalid G1b", says: "never finished"},
		{name: "information in a circle", text: `
0 invoke append x 1 . r y
1 invoke append y 2 . r x
0 ok append x 1 . r y [2]
1 ok append y 2 . r x [1]`, want: "invalid G1c", says: "T1 read [1] of key x, and T0 had appended 1 to it"},
		{name: "read skew", text: `
0 invoke append x 1 . append y 1
1 invoke r x . r y
1 ok r x [1] . r y nil
0 ok append x 1 . append y 1
- 2 r y [1]`, want: "invalid G-single-item", says: "did not see that T0 appended 1"},
		{name: "read skew of an append that nobody read", text: `
0 invoke append x 1 . append y 1
1 invoke r x . r y
1 ok r x [1] . r y nil
0 ok append x 1 . append y 1`, want: "invalid G-single-item", says: "would have to come before itself"},
		{name: "write skew", text: `
0 invoke r x . append y 1
1 invoke r y . append x 1
0 ok r x nil . append y 1
1 ok r y nil . append x 1`, want: "invalid G2-item"},
		{name: "write skew is allowed by snapshot isolation", params: history.Params{"consistency": "snapshot-isolation"}, text: `
0 invoke r x . append y 1
1 invoke r y . append x 1
0 ok r x nil . append y 1
1 ok r y nil . append x 1`, want: "valid G2-item", says: "Allowed by snapshot-isolation"},
		{name: "a long fork", text: `
0 invoke append x 1
1 invoke append y 1
2 invoke r x . r y
3 invoke r x . r y
2 ok r x [1] . r y nil
3 ok r x nil . r y [1]
0 ok append x 1
1 ok append y 1`, want: "invalid G-nonadjacent-item"},
		{name: "lost update", text: `
0 invoke r x . append x 1
1 invoke r x . append x 2
0 ok r x nil . append x 1
1 ok r x nil . append x 2`, want: "invalid lost-update"},
		{name: "a stale read", text: `
- 0 append x 1
- 1 append x 2
- 2 r x [1]
- 3 r x [1 2]`, want: "invalid G-single-item-realtime", says: "T2 had ended before T4 began"},
		{name: "a stale read is serializable", params: history.Params{"consistency": "serializable"}, text: `
- 0 append x 1
- 1 append x 2
- 2 r x [1]
- 3 r x [1 2]`, want: "valid G-single-item-realtime"},
		{name: "a client forgets", params: history.Params{"consistency": "strong-session-snapshot-isolation"}, text: `
- 0 append x 1
- 0 r x nil
- 1 r x [1]`, want: "invalid G-single-item-process", says: "the same client (process 0)"},
		{name: "its own append missing", text: `
- 0 append x 1 . r x nil
- 1 r x [1]`, want: "invalid internal"},
		{name: "its own append too early", text: `
- 0 r x [1] . append x 1`, want: "invalid future-read"},
		{name: "twice", text: `
- 0 append x 1
- 1 r x [1 1]`, want: "invalid duplicate-elements"},
		{name: "out of nothing", text: `
- 0 append x 1
- 1 r x [1 7]`, want: "invalid thin-air-read", says: "no transaction ever appended 7"},
		{name: "two truths", text: `
0 invoke append x 1
1 invoke append x 2
- 2 r x [1]
- 3 r x [2]
0 ok append x 1
1 ok append x 2`, want: "invalid incompatible-order"},
		{name: "built on what was aborted", text: `
0 invoke append x 1
0 fail append x 1
1 invoke append x 2
1 ok append x 2
- 2 r x [1 2]`, params: history.Params{"anomalies": "dirty-update"}, want: "invalid dirty-update", says: "never happened"},
		{name: "an unknown append that was seen", text: `
0 invoke append x 1
0 info append x 1
- 1 r x [1]
- 2 r x nil`, want: "invalid G-single-item-realtime"},
		{name: "an unknown append that was not seen", text: `
0 invoke append x 1
0 info append x 1
- 1 r x nil
- 2 append y 1
- 1 r y [1]`, want: "valid"},
		{name: "nothing in common", text: `
- 0 append x 1
- 1 append y 1`, want: "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := ListAppend().Checker.Check(context.Background(), checker.Input{History: story(t, c.text), Params: c.params})
			want := strings.Fields(c.want)
			got := names(r)
			if r.Verdict.String() != want[0] || len(want) == 1 && len(got) > 0 || len(want) > 1 && !slices.Contains(got, want[1]) {
				t.Fatalf("%s %v (%s), expected %s", r.Verdict, got, r.Reason, c.want)
			}
			if r.Verdict != checker.Valid && r.Reason == "" {
				t.Error("no reason")
			}
			if c.says != "" && !slices.ContainsFunc(r.Anomalies, func(a checker.Anomaly) bool { return a.Name == want[1] && strings.Contains(a.Text, c.says) }) {
				t.Errorf("nobody says %q in %+v", c.says, r.Anomalies)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	v := story(t, `
- 0 append x 1
- 1 r x [1]`)
	for _, c := range []struct{ name, value, want string }{
		{"consistency", "causal", "nothing that it forbids can be found"},
		{"consistency", "linearizable", "nothing that it forbids can be found"},
		{"consistency", "very", "unknown consistency model"},
		{"anomalies", "G7", "unknown anomaly"},
		{"wfr-keys", "perhaps", "expected true or false"},
	} {
		r := ListAppend().Checker.Check(context.Background(), checker.Input{History: v, Params: history.Params{c.name: c.value}})
		if r.Verdict != checker.Unknown || !strings.Contains(r.Reason, c.want) {
			t.Errorf("%s=%s: %s, %q, expected %q", c.name, c.value, r.Verdict, r.Reason, c.want)
		}
	}
	r := ListAppend().Checker.Check(context.Background(), checker.Input{History: v, Params: history.Params{"consistency": "read-atomic"}})
	if r.Verdict != checker.Valid || !strings.Contains(r.Reason, "not searched: fractured reads") {
		t.Errorf("read-atomic: %s, %q", r.Verdict, r.Reason)
	}
	for _, c := range []struct{ text, want string }{
		{"- 0 append x 1\n- 1 append x 1", "must be written once"},
		{"- 0 w x 1", "expected the micro-operations r and append"},
		{"- 0 r x 1", "expected a list"},
		{"- 0 append x nil", "found null"},
	} {
		r := ListAppend().Checker.Check(context.Background(), checker.Input{History: story(t, c.text)})
		if r.Verdict != checker.Unknown || !strings.Contains(r.Reason, c.want) {
			t.Errorf("%s: %s %q, expected %q", c.text, r.Verdict, r.Reason, c.want)
		}
	}
}

// White space changes nothing, and neither do elements that are no numbers.
func TestOtherWaysToWriteTheSame(t *testing.T) {
	v := story(t, `
0 invoke append x 1 . append y 1
1 invoke r x . r y
1 ok r x [1] . r y nil
0 ok append x 1 . append y 1
- 2 r y [1] . append y "b,]"
- 3 r y [1 "b,]"]`)
	want := names(ListAppend().Checker.Check(context.Background(), checker.Input{History: v}))
	for i := range v.Ops {
		v.Ops[i].Value = history.Value(strings.NewReplacer("[", "[ ", "]", " ]", ",", " , ").Replace(strings.ReplaceAll(string(v.Ops[i].Value), `"b,]"`, `"b"`)))
	}
	if got := names(ListAppend().Checker.Check(context.Background(), checker.Input{History: v})); !slices.Equal(got, want) || len(want) == 0 {
		t.Errorf("%v with white space, %v without", got, want)
	}
}

func TestRWRegisterStories(t *testing.T) {
	for _, c := range []struct {
		name, text string
		params     history.Params
		want       string
		says       string
	}{
		{name: "one after another", text: `
- 0 w x 1
- 1 r x 1 . w x 2
- 2 r x 2`, want: "valid"},
		{name: "a stale read", text: `
- 0 w x 1
- 1 w x 2
- 2 r x 1`, want: "invalid G-single-item-realtime", says: "T2 had ended before T4 began"},
		{name: "nothing where something was", text: `
- 0 w x 1
- 1 r x nil`, want: "invalid G-single-item-realtime", says: "nothing is what was there before the first write"},
		{name: "its own write forgotten", params: history.Params{"consistency": "strong-session-serializable"}, text: `
- 0 w x 1
- 0 r x nil
- 1 r x 1`, want: "invalid G-single-item-process", says: "process 0"},
		{name: "write skew", text: `
0 invoke r x . w y 1
1 invoke r y . w x 1
0 ok r x nil . w y 1
1 ok r y nil . w x 1`, want: "invalid G2-item"},
		{name: "lost update", params: history.Params{"consistency": "repeatable-read"}, text: `
- 2 w x 9
0 invoke r x . w x 1
1 invoke r x . w x 2
0 ok r x 9 . w x 1
1 ok r x 9 . w x 2`, want: "invalid lost-update"},
		{name: "read skew by what was replaced", params: history.Params{"consistency": "serializable"}, text: `
- 2 w x 8 . w y 8
0 invoke r x . w x 1 . r y . w y 1
1 invoke r x . r y
0 ok r x 8 . w x 1 . r y 8 . w y 1
1 ok r x 1 . r y 8`, want: "invalid G-single-item", says: "read 8 and wrote 1"},
		{name: "the same is not known at read committed", params: history.Params{"consistency": "read-committed"}, text: `
- 2 w x 8 . w y 8
0 invoke r x . w x 1 . r y . w y 1
1 invoke r x . r y
0 ok r x 8 . w x 1 . r y 8 . w y 1
1 ok r x 1 . r y 8`, want: "valid"},
		{name: "an aborted read", text: `
0 invoke w x 1
0 fail w x 1
- 1 r x 1`, want: "invalid G1a"},
		{name: "an intermediate read", text: `
0 invoke w x 1 . w x 2
1 invoke r x
1 ok r x 1
0 ok w x 1 . w x 2
- 2 r x 2`, want: "invalid G1b"},
		{name: "its own write missing", text: `
- 0 w x 1 . r x nil`, want: "invalid internal"},
		{name: "its own write too early", text: `
- 0 r x 1 . w x 1`, want: "invalid future-read"},
		{name: "information in a circle", text: `
0 invoke w x 1 . r y
1 invoke w y 1 . r x
0 ok w x 1 . r y 1
1 ok w y 1 . r x 1`, want: "invalid G1c"},
		{name: "out of nothing", text: `
- 0 w x 1
- 1 r x 3`, want: "invalid thin-air-read"},
		{name: "back and forth in time", text: `
0 invoke w x 1
1 invoke w x 2
- 2 r x 1
- 3 r x 2
- 4 r x 1
0 ok w x 1
1 ok w x 2`, want: "invalid cyclic-versions-realtime"},
		{name: "an unknown write that was seen", text: `
- 1 w x 1
0 invoke w x 2
0 info w x 2
- 2 r x 2
- 3 r x 1`, want: "invalid cyclic-versions-realtime"},
		{name: "an unknown write that was not seen", text: `
- 1 w x 1
0 invoke w x 2
0 info w x 2
- 2 r x 1
- 3 r x 1`, want: "valid"},
		{name: "keys that are promised to be linearizable", params: history.Params{"consistency": "serializable", "linearizable-keys": "true"}, text: `
- 0 w x 1
- 1 w x 2
2 invoke r x . w y 1
3 invoke r y . r x
3 ok r y 1 . r x 2
2 ok r x 1 . w y 1
- 4 r y 1`, want: "invalid cyclic-versions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := RWRegister().Checker.Check(context.Background(), checker.Input{History: story(t, c.text), Params: c.params})
			want := strings.Fields(c.want)
			got := names(r)
			if r.Verdict.String() != want[0] || len(want) == 1 && len(got) > 0 || len(want) > 1 && !slices.Contains(got, want[1]) {
				t.Fatalf("%s %v (%s), expected %s", r.Verdict, got, r.Reason, c.want)
			}
			if c.says != "" && !slices.ContainsFunc(r.Anomalies, func(a checker.Anomaly) bool { return a.Name == want[1] && strings.Contains(a.Text, c.says) }) {
				t.Errorf("nobody says %q in %+v", c.says, r.Anomalies)
			}
		})
	}
}
