package findings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/partita-dev/partita/checker"
)

const table = `
- name: lost
  target: sample
  what: it loses
  args: [--simulate]
  expect: invalid
  anomalies: [stale-read, lost-write]
  never: [thin-air-read]
- name: kept
  target: sample
  what: it keeps
  expect: valid
  control-of: lost
- name: seldom
  target: sample
  what: it loses seldom
  expect: invalid
  anomalies: [lost-write]
  rare: true
  again: {params: {consistency: causal}, expect: valid}
`

func TestOurOwnTable(t *testing.T) {
	rows, err := Rows("")
	if err != nil || len(rows) < 9 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	controls := 0
	for _, r := range rows {
		if r.ControlOf != "" {
			controls++
		}
	}
	if controls == 0 {
		t.Error("there is no control")
	}
	some, err := Only(rows, []string{"etcd", "redis-sentinel-s"})
	if err != nil || len(some) != 5 {
		t.Errorf("%d rows of etcd and Redis, %v", len(some), err)
	}
	if _, err := Only(rows, []string{"oracle"}); err == nil || !strings.Contains(err.Error(), `begins with "oracle": there are etcd-serializable`) {
		t.Errorf("rows of nobody: %v", err)
	}
}

func TestATableThatIsWrong(t *testing.T) {
	for _, c := range []struct{ old, new, says string }{
		{"expect: valid\n", "expect: perhaps\n", "row 2 (kept): expect: "},
		{"expect: valid\n", "expect: unknown\n", "choose from valid, invalid"},
		{"name: kept", "name: lost", "there is a row of this name above"},
		{"control-of: lost", "control-of: seldom", `control of "seldom", which is no row above`},
		{"[stale-read, lost-write]", "[stolen-read]", `no anomaly "stolen-read"`},
		{"[stale-read, lost-write]", "[]", "says by which anomalies"},
		{"what: it keeps", "why: it keeps", "line 11"},
		{"what: it keeps", "what: ''", "needs a name, a target and what it is"},
		{"control-of: lost", "rare: true", "is not rare"},
		{"expect: valid}", "expect: so-so}", "again: expect"},
	} {
		bad := strings.Replace(table, c.old, c.new, 1)
		if bad == table {
			t.Fatalf("%q is not in the table", c.old)
		}
		if _, err := read([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", c.new, err, c.says)
		}
	}
	if _, err := Rows(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("no file: %v", err)
	}
}

// Nine of ten seeds must find, all of a control must be clean, one is enough for a rare one; an anomaly of another name, or one
// that must not be, does not count.
func TestWhatIsReproduced(t *testing.T) {
	rows, err := read([]byte(table))
	if err != nil {
		t.Fatal(err)
	}
	find := Result{Row: "lost", Verdict: checker.Invalid, Anomalies: []string{"diverged", "stale-read"}}
	other := Result{Row: "lost", Verdict: checker.Invalid, Anomalies: []string{"diverged"}}
	worse := Result{Row: "lost", Verdict: checker.Invalid, Anomalies: []string{"stale-read", "thin-air-read"}}
	miss := Result{Row: "lost", Verdict: checker.Valid}
	clean, dirty := Result{Row: "kept", Verdict: checker.Valid}, Result{Row: "kept", Verdict: checker.Inconclusive}
	rare, strong := Result{Row: "seldom", Verdict: checker.Invalid, Anomalies: []string{"lost-write"}, Again: checker.Valid}, Result{Row: "seldom", Verdict: checker.Invalid, Anomalies: []string{"lost-write"}, Again: checker.Invalid}
	times := func(n int, x Result) (xs []Result) {
		for range n {
			xs = append(xs, x)
		}
		return xs
	}
	for _, c := range []struct {
		what    string
		results []Result
		row     int
		want    bool
	}{
		{"nothing done", nil, 0, false},
		{"all found", times(3, find), 0, true},
		{"nine of ten", append(times(9, find), miss), 0, true},
		{"eight of ten", append(times(8, find), miss, miss), 0, false},
		{"two of three", append(times(2, find), miss), 0, false},
		{"another anomaly", times(3, other), 0, false},
		{"one that must not be", times(3, worse), 0, false},
		{"all clean", times(10, clean), 1, true},
		{"one of ten inconclusive", append(times(9, clean), dirty), 1, false},
		{"one of a rare one", append(times(9, Result{Row: "seldom", Verdict: checker.Valid}), rare), 2, true},
		{"the second judgement is another", times(2, strong), 2, false},
	} {
		if got := Sum(rows, c.results)[c.row].Reproduced(); got != c.want {
			t.Errorf("%s: reproduced %v, want %v", c.what, got, c.want)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	rows, err := read([]byte(table))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "runs")
	if got, err := Load(dir); err != nil || got != nil {
		t.Errorf("before anything was done: %v, %v", got, err)
	}
	results := []Result{
		{Row: "lost", Seed: 1, Command: "partita test", Verdict: checker.Invalid, Anomalies: []string{"stale-read"}, Dir: "runs/x", Summary: "s"},
		{Row: "lost", Seed: 2, Verdict: checker.Valid},
	}
	if err := Save(dir, rows, results); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil || cmp.Diff(results, got) != "" {
		t.Errorf("%v: %s", err, cmp.Diff(results, got))
	}
	page, err := os.ReadFile(filepath.Join(dir, MarkdownFile))
	if want := "| `lost` | it loses | invalid: stale-read or lost-write | 1 invalid, 1 valid: stale-read | 1 of 2 |\n"; err != nil || !strings.HasSuffix(string(page), want) {
		t.Errorf("%v\n%s", err, page)
	}
	if err := os.WriteFile(filepath.Join(dir, JSONFile), []byte("[{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "remove it to begin anew") {
		t.Errorf("a broken file: %v", err)
	}
}
