package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

func build(t *testing.T, d Data) string {
	t.Helper()
	b, err := Build(d)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxSize {
		t.Fatalf("the page has %d bytes, more than %d", len(b), MaxSize)
	}
	return string(b)
}

func wantAll(t *testing.T, page string, wants ...string) {
	t.Helper()
	for _, w := range wants {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not contain %q", w)
		}
	}
}

// The person at 2 a.m. reads the verdict, what was seen, under which fault, and how to repeat it.
func TestAnInvalidRunTellsItsStory(t *testing.T) {
	page := build(t, sampleInvalid())
	wantAll(t, page, "INVALID", "<h1>etcd answered 37 reads with values that had been overwritten up to 8.2 s before.</h1>", `"final":59`, "n2 answered 17 to a read that began 3.1 s after 21 had been written",
		"All clients together see one copy", "While partition:primaries (w1, seen from 12.320 s to 22.410 s) was in force.",
		"--seed 4711", "stale-read", "linearizable-register: 3 of 30 keys are not linearizable", "Why it cannot be right", "began 3.1 s after 17 was gone", "linearizable</span>", "A client read an old value",
		"cas 17→21", "read → 17", "write 22 ?", "logs/n2/etcd.log", "201.9 kB", "3.4.23", "v0.1.0")
	if n := strings.Count(page, `class="spacetime"`); n != 3 {
		t.Errorf("%d space-time diagrams, want 3", n)
	}
}

func TestAValidRunSaysWhatWasTested(t *testing.T) {
	page := build(t, sampleValid())
	wantAll(t, page, "VALID", "2 fault windows commanded, each observed by a probe", "planned 2, commanded 2, observed 2", "coverage 92 of 100", "silent (all 10 probes)", "v6 fresh 0/50", "-A PARTITA -s 10.77.0.3/32 -j DROP")
	if strings.Contains(page, "never observed</span>") || strings.Contains(page, `id="anomalies"`) {
		t.Error("a valid page shows an anomaly or a window that was never observed")
	}
}

func TestAWindowThatWasNeverObservedIsLoud(t *testing.T) {
	page := build(t, sampleInconclusive())
	wantAll(t, page, "INCONCLUSIVE", "never observed</span>", "no probe ever saw it", "only 1 observed by a probe", "xtables lock", "recovery not seen", "partly heard (all 10 probes)", "v4 old 50/50")
}

// No default is valid, and a page of nothing says that nothing is known.
func TestAnEmptyFolderIsUnknown(t *testing.T) {
	page := build(t, Data{})
	wantAll(t, page, "UNKNOWN", "There is no operation in the history", "Nothing is known of the faults")
	if strings.Contains(page, "✓") {
		t.Error("a page of nothing shows a tick")
	}
	d := sampleValid()
	d.Verdict, d.Faults.Windows = store.Verdict{}, nil
	wantAll(t, build(t, d), "UNKNOWN", "none was ever commanded")
	d.Faults.Plan.Faults = []string{"none"}
	wantAll(t, build(t, d), "None: the plan had no faults.", "The plan had no faults, and none was injected.")
}

// A long history makes no long page: every operation that was not ok, and the slowest, are still there.
func TestALongHistoryMakesNoLongPage(t *testing.T) {
	if testing.Short() {
		t.Skip("300,000 operations")
	}
	windows := []history.Window{sampleWindow("w1", []string{"n2"}, 100*time.Second, 200*time.Second, true)}
	ops := sampleOps(300_000, 5*time.Minute, windows)
	slowest := int64(-1)
	for i, o := range ops {
		if o.Type == history.OK && o.Index > 200_000 {
			ops[i].Took, slowest = 777*time.Millisecond, o.Index
			break
		}
	}
	s := scan(stream(ops), nil)
	pts := scatter(stream(ops), s, fullLimits)
	if pts.Of != 300_000 || pts.Shown != fullLimits.points {
		t.Fatalf("%d of %d points, want %d of 300000", pts.Shown, pts.Of, fullLimits.points)
	}
	shown, notOK := map[int]int{}, 0
	found := false
	for i := range pts.T {
		shown[pts.O[i]]++
		found = found || pts.L[i] == 777
		if i > 0 && pts.T[i] < pts.T[i-1] {
			t.Fatal("the points are not ordered by time")
		}
	}
	notOK = int(s.counts[history.Fail] + s.counts[history.Info])
	if notOK < 400 || shown[1]+shown[2] != notOK {
		t.Errorf("%d of %d operations that were not ok are drawn, want all", shown[1]+shown[2], notOK)
	}
	if !found {
		t.Errorf("the slowest operation (index %d) is not drawn", slowest)
	}
	b := bin(s)
	if len(b.T) > maxBins || len(b.T) < 100 {
		t.Errorf("%d bins", len(b.T))
	}
	page := build(t, Data{Ops: stream(ops), Faults: store.Faults{Windows: windows}})
	wantAll(t, page, "20,000 of 300,000 operations are drawn")
}

// Even when everything in it is long, the page stays under its limit.
func TestALongEverythingMakesNoLongPage(t *testing.T) {
	d := sampleInvalid()
	long := strings.Repeat("<&\u2028", 3_000)
	rules := map[string]string{}
	for i := range 12 {
		rules[fmt.Sprint("n", i)] = long[:6000]
	}
	a := d.Verdict.Checkers[0].Anomalies[0]
	for i := range 110 {
		a.Text, a.Key = long, fmt.Sprint(i)
		d.Verdict.Checkers[0].Anomalies = append(d.Verdict.Checkers[0].Anomalies, a)
		w := sampleWindow(fmt.Sprint("w", i+3), []string{"n1"}, time.Duration(i)*time.Second, time.Duration(i+100)*time.Second, i%2 == 0)
		w.Errors = []string{long, long}
		w.Evidence = history.Of(map[string]any{"rules": rules})
		d.Faults.Windows = append(d.Faults.Windows, w)
	}
	d.Verdict.Summary, d.Verdict.Errors = long, []string{long}
	if b, err := draw(d, fullLimits); err != nil || len(b) <= MaxSize {
		t.Fatalf("with all details it has only %d bytes (%v): this tests nothing", len(b), err)
	}
	page := build(t, d)
	wantAll(t, page, "more are in verdict.json", "more windows are in faults.json")
}

func TestRateCountsEveryCompletionOnce(t *testing.T) {
	s := scan(stream(sampleOps(5000, 30*time.Second, nil)), nil)
	b := bin(s)
	sum := 0.0
	for i := range b.T {
		sum += float64((b.OK[i] + b.Fail[i] + b.Info[i]) * b.Width)
	}
	if sum < 4999.5 || sum > 5000.5 {
		t.Errorf("the bins hold %.1f completions, want 5000", sum)
	}
	for i := range b.T {
		if b.P50[i] > b.P95[i] || b.P95[i] > b.P99[i] || b.P99[i] > b.Max[i] {
			t.Fatalf("bin %d: quantiles fall: %v %v %v %v", i, b.P50[i], b.P95[i], b.P99[i], b.Max[i])
		}
	}
}

// A page has to be drawn of a history that no checker accepts.
func TestAnyHistoryIsDrawn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		var ops []history.Op
		for range rng.IntN(30) {
			ops = append(ops, history.Op{Index: rng.Int64N(10), Time: time.Duration(rng.Int64() - rng.Int64()), Process: int32(rng.IntN(4)) - 1,
				Type: history.Type(rng.IntN(6)), F: []string{"read", "cas", "\x00", ""}[rng.IntN(4)], Node: []string{"", "n1"}[rng.IntN(2)],
				Value: []history.Value{"", "1", "[1,2]", "not json", "{"}[rng.IntN(5)], Took: time.Duration(rng.Int64() - rng.Int64())})
		}
		build(t, Data{Ops: stream(ops), Verdict: store.Verdict{Verdict: checker.Invalid, Checkers: []store.CheckerResult{{Result: checker.Result{Anomalies: []checker.Anomaly{{Ops: []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}}}}}}})
	}
}
