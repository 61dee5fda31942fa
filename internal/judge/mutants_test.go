package judge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/store"
)

// costs is what one mutated history may cost.
type costs struct {
	checker  time.Duration // a checker's limit
	patience time.Duration // after which all its checkers together hang
	memory   uint64        // bytes allocated in all, most of them garbage at once
}

var fair = costs{checker: 5 * time.Second, patience: time.Minute, memory: 1 << 30}

// tallies counts what became of mutants.
type tallies struct {
	refused, judged int
	verdicts        map[checker.Verdict]int
}

// attack mutates specimens and judges what comes of them with every checker, canaries included. It gives what went
// wrong: a panic, a hang, too much memory, an error that does not say where.
func attack(specs []checker.Spec, base []specimen, from, n int, most costs) (t tallies, wrong []string) {
	t.verdicts = map[checker.Verdict]int{}
	for i := from; i < from+n && len(wrong) < 10; i++ {
		r := rand.New(rand.NewPCG(uint64(i), 99))
		s := mutate(base[i%len(base)], r)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		type outcome struct {
			rs  []store.CheckerResult
			err error
			bad string
		}
		done := make(chan outcome, 1)
		go func() {
			var o outcome
			defer func() {
				if p := recover(); p != nil {
					o.bad = fmt.Sprintf("it panicked: %v", p)
				}
				done <- o
			}()
			o.rs, o.err = judgeAll(specs, s, most.checker)
			if o.err == nil && i%50 == 0 {
				_, err := report.Build(report.Data{Verdict: Summary(store.Meta{Target: "etcd"}, o.rs)})
				if err != nil {
					o.bad = "no page can be drawn: " + err.Error()
				}
			}
		}()
		var o outcome
		select {
		case o = <-done:
		case <-time.After(most.patience):
			wrong = append(wrong, fmt.Sprintf("mutant %d: it hangs", i))
			continue
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > most.memory {
			o.bad = fmt.Sprintf("it took %d MiB", used>>20)
		}
		for _, c := range o.rs {
			if strings.Contains(c.Reason, "it panicked") {
				o.bad = c.Name + ": " + c.Reason
			}
			if c.Verdict != checker.Valid && c.Reason == "" {
				o.bad = c.Name + " gave no reason"
			}
			t.verdicts[c.Verdict]++
		}
		switch {
		case o.bad != "":
			wrong = append(wrong, fmt.Sprintf("mutant %d: %s", i, o.bad))
		case o.err == nil:
			t.judged++
		case strings.Contains(o.err.Error(), "h.jsonl:") || strings.Contains(o.err.Error(), "faults.json: "):
			t.refused++
		default:
			wrong = append(wrong, fmt.Sprintf("mutant %d: an error that does not say where: %v", i, o.err))
		}
	}
	return t, wrong
}

// judgeAll is what a child does with a run's folder, without the folder.
func judgeAll(specs []checker.Spec, s specimen, timeout time.Duration) ([]store.CheckerResult, error) {
	rd, err := history.NewReader(bytes.NewReader(s.history), "h.jsonl")
	if err != nil {
		return nil, err
	}
	var ops []history.Op
	for op, err := range rd.All() {
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	v, err := history.NewView(ops)
	if err != nil {
		return nil, fmt.Errorf("h.jsonl: %w", err)
	}
	var f store.Faults
	if err := json.Unmarshal(s.faults, &f); err != nil {
		return nil, fmt.Errorf("faults.json: %w", err)
	}
	in := input{Input: checker.Input{History: v, Plan: &f.Plan, Windows: f.Windows, Params: s.params}}
	var rs []store.CheckerResult
	for _, c := range specs {
		r := store.CheckerResult{Name: c.Name, Result: one(specs, c.Name, in, timeout)}
		if _, err := json.Marshal(r); err != nil {
			r.Reason = fmt.Sprintf("it panicked: its result is no JSON: %v", err)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

// TestMutatedHistories: 400 here, 10,000 with PARTITA_MUTANTS=10000 (make mutants).
func TestMutatedHistories(t *testing.T) {
	n := 400
	if s := os.Getenv("PARTITA_MUTANTS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	specs, base := catalog.Default().Checkers, specimens()
	for _, s := range base {
		rs, err := judgeAll(specs, s, fair.checker)
		if err != nil {
			t.Fatalf("a specimen is no good run: %v", err)
		}
		if !slices.ContainsFunc(rs, func(r store.CheckerResult) bool { return r.Verdict == checker.Valid && r.Facts["canary"] == "caught" }) {
			t.Errorf("no checker calls this specimen valid: %+v", rs)
		}
	}
	got, wrong := attack(specs, base, 0, n, fair)
	for _, w := range wrong {
		t.Error(w)
	}
	t.Logf("%d mutated histories: %d refused with file and line, %d judged by %d checkers: %v", n, got.refused, got.judged, len(specs), got.verdicts)
	if got.judged < n/5 || got.refused < n/5 || got.verdicts[checker.Invalid] == 0 || got.verdicts[checker.Valid] == 0 {
		t.Errorf("the mutations are all of one kind: %+v", got)
	}
	if os.Getenv("PARTITA_PRINT") != "" {
		fmt.Printf("%d mutated histories: %d refused with file and line, %d judged by %d checkers (%v), %d went wrong\n", n, got.refused, got.judged, len(specs), got.verdicts, len(wrong))
	}
}

// TestMutantsNoticeABadChecker: each thing that may go wrong is noticed when it does.
func TestMutantsNoticeABadChecker(t *testing.T) {
	strict := costs{checker: fair.checker, patience: fair.patience, memory: 64 << 20}
	hasty := costs{checker: fair.checker, patience: 100 * time.Millisecond, memory: fair.memory}
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for _, c := range []struct {
		says string
		most costs
		do   func(checker.Input)
	}{
		{"panicked", fair, func(in checker.Input) { _ = in.History.Ops[1000] }},
		{"MiB", strict, func(checker.Input) { runtime.KeepAlive(make([]byte, strict.memory)) }},
		{"hangs", hasty, func(checker.Input) { <-over }},
	} {
		bad := checker.Spec{Name: "bad", Checker: checker.Func(func(_ context.Context, in checker.Input) checker.Result {
			c.do(in)
			return checker.Result{Verdict: checker.Valid}
		})}
		if _, wrong := attack([]checker.Spec{bad}, specimens(), 0, 8, c.most); len(wrong) == 0 || !strings.Contains(wrong[0], c.says) {
			t.Errorf("%s: %q", c.says, wrong)
		}
	}
	silent := checker.Spec{Name: "silent", Checker: says(checker.Unknown, "")}
	if _, wrong := attack([]checker.Spec{silent}, specimens(), 0, 20, fair); len(wrong) != 0 {
		t.Errorf("the child gives a reason where a checker gives none: %q", wrong)
	}
}
