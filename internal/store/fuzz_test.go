package store

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// FuzzJSON: the files of a folder may be anybody's. Reading one never panics, and what was read is written the same way each time.
func FuzzJSON(f *testing.F) {
	for _, x := range []any{
		Meta{Target: "etcd", Seed: 1<<64 - 1, Started: time.Unix(0, 0).UTC(), Params: history.Params{"a": "b"}, Phases: []Phase{{Name: "heal", Err: "n2"}}},
		Faults{Plan: history.Plan{Nodes: []string{"n1"}, Faults: []string{"partition"}, Planned: map[string]int{"partition": 2}, Final: history.Never},
			Windows: []history.Window{{ID: "w1", Fault: "partition:halves", Spec: `{"a":[1,2.5e-3]}`, Sides: [][]string{{"n1"}, nil}, Commanded: history.Nowhere, Evidence: "null"}}},
		Verdict{Verdict: checker.Invalid, Checkers: []CheckerResult{{Name: "set", Result: checker.Result{Verdict: checker.Valid, Facts: map[string]any{"x": []any{1.5, nil, "y"}},
			Anomalies: []checker.Anomaly{{Name: "stale-read", Ops: []int64{1, -2}, Data: map[string]any{"ops": nil}}}}}}},
	} {
		b, err := JSON(x)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"", "null", "[]", "{}", `{"verdict":"maybe"}`, `{"verdict":7}`, `{"seed":-1}`, `{"windows":[null]}`, `{"windows":{}}`, `{"plan":{"final":{"index":1e400}}}`,
		`{"windows":[{"spec":{"a" : 1 }}]}`, `{"started":"yesterday"}`, "{\"target\":\"\xff\"}", `{"checkers":[{"facts":{"x":1e999}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again(t, b, new(Meta), new(Meta))
		again(t, b, new(Faults), new(Faults))
		again(t, b, new(Verdict), new(Verdict))
	})
}

// again reads b into x, writes it, reads that into y, and writes y.
func again(t *testing.T, b []byte, x, y any) {
	if json.Unmarshal(b, x) != nil {
		return
	}
	first, err := JSON(x)
	if err != nil {
		t.Fatalf("what was read from %q cannot be written: %v", b, err)
	}
	if err := json.Unmarshal(first, y); err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, first)
	}
	second, err := JSON(y)
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("it came back as something else (%v):\n%s\n%s", err, first, second)
	}
}

// FuzzSlug: whatever a target or a fault is called, the folder's name is one plain name.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"", "etcd-register-partition:n1|n2+n3", "../../etc/passwd", "..", ".", "A/B\\C", "\x00", "ä", string(bytes.Repeat([]byte("a."), 200))} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Slug(s)
		if got == "" || len(got) > 100 || got == "." || got == ".." || notSlug.MatchString(got) || bytes.ContainsAny([]byte(got), "/\\\x00") {
			t.Fatalf("%q became %q", s, got)
		}
		if Slug(got) != got {
			t.Fatalf("%q became %q, and that %q", s, got, Slug(got))
		}
	})
}
