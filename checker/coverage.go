package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/history"
)

// What a run must have done before its verdict means anything.
const (
	minAttempts = 20              // invocations on each side in each window; in a run without faults, in all
	minRate     = 10              // ok operations a second, in the time before the first fault
	warmUp      = 2 * time.Second // that time
)

// Coverage asks whether the run tested what its plan says. It never finds an anomaly: what was not tested is
// Inconclusive, with the reasons. It asks that
//   - something that changes data succeeded, and a read did;
//   - the final phase was reached, not before every fault was gone, and in a run with faults a read of it succeeded;
//   - before the first fault at least 10 operations a second succeeded, for 2 s;
//   - each planned fault has its windows, each harmed somebody, and was observed by a probe and seen gone, in this order;
//   - in each window, on each side of it, clients attempted 20 operations, effects and reads among them (a workload
//     whose reads all come in its final phase, or that only adds, so that final reads tell everything, needs its reads
//     only there), and one key was changed and read, and used from two sides;
//   - in each window something succeeded; where no majority was left, in it or after it and before the next; where all
//     nodes were harmed, after it;
//   - whoever was harmed was used again when the fault was gone.
//
// A correct database answers nothing on the minority's side: attempts are asked for there, not answers.
func Coverage() Spec {
	return Spec{"coverage", "the run tested what its plan says: faults were observed and clients were busy on each side of them", coverageChecker{}}
}

// rule names one thing that Coverage asks for.
type rule string

// The rules.
const (
	ruleAttempts   rule = "attempts"     // without faults: operations in all
	ruleEffectOK   rule = "effect ok"    // something that changes data succeeded
	ruleReadOK     rule = "read ok"      // a read succeeded
	ruleFinal      rule = "final"        // the final phase was reached
	ruleFinalOK    rule = "final ok"     // something in it succeeded, if there was anything
	ruleFinalRead  rule = "final read"   // with faults: a read in it succeeded
	ruleFinalLate  rule = "final late"   // it began when the fault was gone
	ruleRate       rule = "rate"         // before the first fault
	rulePlanned    rule = "planned"      // windows of each planned fault
	ruleBegun      rule = "begun"        // a window was commanded
	ruleHarm       rule = "harm"         // it harmed somebody
	ruleObserved   rule = "observed"     // a probe saw it
	ruleGone       rule = "gone"         // and saw it gone
	ruleOrder      rule = "order"        // in this order
	ruleSide       rule = "side"         // attempts on a side
	ruleSideEffect rule = "side effects" // effects among them
	ruleSideRead   rule = "side reads"   // and reads
	ruleShared     rule = "shared"       // one key from two sides
	ruleInside     rule = "inside"       // something succeeded in the window
	ruleAfter      rule = "after"        // or after it, where all nodes were harmed
	ruleAgain      rule = "again"        // the harmed were used again
)

// coverageChecker is Coverage. without leaves one rule out, so that the tests can show that each is needed.
type coverageChecker struct{ without rule }

// WindowCoverage is what clients did in one window; Missing is what they should have done.
type WindowCoverage struct {
	ID       string         `json:"id"`
	Fault    string         `json:"fault"`
	Observed bool           `json:"observed"`
	Seconds  float64        `json:"observed-seconds"`
	Attempts map[string]int `json:"attempts"` // by side, its nodes joined by +
	Total    int            `json:"total"`    // attempts, each once
	Effects  int            `json:"effects"`
	Reads    int            `json:"reads"`
	OK       int            `json:"ok"`
	Missing  []string       `json:"missing,omitempty"`
}

// coverage counts requirements, and remembers those that were not met.
type coverage struct {
	view      *history.View
	plan      history.Plan
	without   rule
	finalOnly bool // the reads of the final phase are enough
	met, all  int
	missing   []string
}

// need notes one requirement.
func (c *coverage) need(r rule, met bool, format string, args ...any) {
	if r == c.without {
		return
	}
	if c.all++; met {
		c.met++
		return
	}
	c.missing = append(c.missing, fmt.Sprintf(format, args...))
}

// Check judges the run against its plan.
func (k coverageChecker) Check(_ context.Context, in Input) Result {
	if in.Plan == nil {
		return Result{Verdict: Inconclusive, Reason: "a history without a plan does not say what was meant to be tested"}
	}
	c := &coverage{view: in.History, plan: *in.Plan, without: k.without}
	windows := slices.Clone(in.Windows)
	slices.SortStableFunc(windows, func(a, b history.Window) int {
		return int(max(-1, min(1, a.Commanded.From.Index-b.Commanded.From.Index)))
	})
	facts := map[string]any{}
	faults := c.faults()
	c.wholeRun(facts, len(faults)+len(windows) > 0)
	c.before(windows, facts)
	for _, f := range faults {
		c.planned(f, windows)
	}
	table := []WindowCoverage{}
	for _, w := range windows {
		table = append(table, c.window(w, windows))
	}
	facts["windows"] = table
	facts["score"] = 100 * c.met / max(1, c.all)
	if len(c.missing) > 0 {
		return Result{Verdict: Inconclusive, Reason: strings.Join(c.missing, "; "), Facts: facts}
	}
	facts["power"] = newPower(table, len(c.view.Calls))
	return Result{Verdict: Valid, Facts: facts}
}

// faults lists the planned faults; "none" is none.
func (c *coverage) faults() []string {
	return slices.DeleteFunc(slices.Clone(c.plan.Faults), func(f string) bool { return f == "none" || f == "" })
}

// wholeRun asks that the run did something at all, and for its end.
func (c *coverage) wholeRun(facts map[string]any, faults bool) {
	final := c.plan.Final
	onlyAdds := true
	var mainReads, finalOps, finalOK, finalReads, okEffects, okReads int
	for _, call := range c.view.Calls {
		inv := c.view.Inv(call)
		reads, changes := touches(inv)
		if !reads && inv.F != "add" {
			onlyAdds = false
		}
		ok := call.Type == history.OK
		if ok && reads {
			okReads++
		}
		if ok && changes {
			okEffects++
		}
		switch isFinal := final.Happened() && inv.Index >= final.Index; {
		case !isFinal && reads:
			mainReads++
		case isFinal:
			finalOps++
			if ok {
				finalOK++
				if reads {
					finalReads++
				}
			}
		}
	}
	c.finalOnly = finalReads > 0 && (mainReads == 0 || onlyAdds)
	facts["final operations"], facts["final reads ok"] = finalOps, finalReads
	c.need(ruleFinal, final.Happened(), "the run did not reach its final phase, in which it looks at what became of the data")
	if faults {
		c.need(ruleFinalRead, !final.Happened() || finalReads > 0, "no read of the final phase succeeded: what became of the data is not known")
	} else {
		c.need(ruleFinalOK, finalOps == 0 || finalOK > 0, "no operation of the final phase succeeded")
		c.need(ruleAttempts, len(c.view.Calls) >= minAttempts, "clients attempted %d operations in all: %d are needed", len(c.view.Calls), minAttempts)
	}
	c.need(ruleEffectOK, okEffects > 0, "no operation that changes anything succeeded")
	c.need(ruleReadOK, okReads > 0, "no read succeeded")
}

// before asks for a database that worked before the first fault.
func (c *coverage) before(windows []history.Window, facts map[string]any) {
	i := slices.IndexFunc(windows, func(w history.Window) bool { return w.Commanded.From.Happened() })
	if i < 0 {
		return // that there is no window is said for each fault
	}
	first := windows[i].Commanded.From
	n := 0
	for _, call := range c.view.Calls {
		if call.Type == history.OK {
			if ret := c.view.Ops[call.Return]; ret.Index < first.Index && ret.Time >= first.Time-warmUp {
				n++
			}
		}
	}
	rate := float64(n) / warmUp.Seconds()
	facts["ok a second before the first fault"] = rate
	c.need(ruleRate, rate >= minRate, "only %.1f operations a second succeeded in the %s before the first fault: %d are needed", rate, Took(warmUp), minRate)
}

// planned asks that a fault of the plan has windows, as many as were planned.
func (c *coverage) planned(fault string, windows []history.Window) {
	n := 0
	for _, w := range windows {
		if !w.Commanded.From.Happened() {
			continue
		}
		if w.Fault == fault || !strings.Contains(fault, ":") && strings.HasPrefix(w.Fault, fault+":") {
			n++
		}
	}
	want := max(1, c.plan.Planned[fault])
	c.need(rulePlanned, n >= want, "%s was planned %d×, and begun %d×", fault, want, n)
}
