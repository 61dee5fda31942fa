package checker

import (
	"context"
	"fmt"
	"maps"
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
//   - the final phase was reached, and where it has operations one of them succeeded;
//   - before the first fault at least 10 operations a second succeeded, for 2 s;
//   - each planned fault has its windows, each observed by a probe and recovered;
//   - in each window, on each side of it, clients attempted 20 operations, effects and reads among them (a workload
//     whose reads all come in its final phase, or that only adds, so that final reads tell everything, needs its reads only there), and one key was used from two sides;
//   - in each window something succeeded; where all nodes were harmed, afterwards instead.
//
// A correct database answers nothing on the minority's side: attempts are asked for there, not answers.
func Coverage() Spec {
	return Spec{"coverage", "the run tested what its plan says: faults were observed and clients were busy on each side of them", Func(checkCoverage)}
}

// WindowCoverage is what clients did in one window; Missing is what they should have done.
type WindowCoverage struct {
	ID       string         `json:"id"`
	Fault    string         `json:"fault"`
	Observed bool           `json:"observed"`
	Seconds  float64        `json:"observed-seconds"`
	Attempts map[string]int `json:"attempts"` // by side, its nodes joined by +
	Effects  int            `json:"effects"`
	Reads    int            `json:"reads"`
	OK       int            `json:"ok"`
	Missing  []string       `json:"missing,omitempty"`
}

// coverage counts requirements, and remembers those that were not met.
type coverage struct {
	view      *history.View
	plan      history.Plan
	finalOnly bool // the reads of the final phase are enough
	met, all  int
	missing   []string
}

// need notes one requirement.
func (c *coverage) need(met bool, format string, args ...any) {
	if c.all++; met {
		c.met++
		return
	}
	c.missing = append(c.missing, fmt.Sprintf(format, args...))
}

func checkCoverage(_ context.Context, in Input) Result {
	if in.Plan == nil {
		return Result{Verdict: Inconclusive, Reason: "a history without a plan does not say what was meant to be tested"}
	}
	c := &coverage{view: in.History, plan: *in.Plan}
	windows := slices.Clone(in.Windows)
	slices.SortStableFunc(windows, func(a, b history.Window) int { return int(a.Commanded.From.Index - b.Commanded.From.Index) })
	facts := map[string]any{}
	c.finalPhase(facts)
	if faults := c.faults(); len(faults) == 0 {
		c.noFaults()
	} else {
		c.before(windows, facts)
		for _, f := range faults {
			c.planned(f, windows)
		}
	}
	table := []WindowCoverage{}
	for i, w := range windows {
		next := history.Never
		if i+1 < len(windows) {
			next = windows[i+1].Commanded.From
		}
		table = append(table, c.window(w, next))
	}
	facts["windows"] = table
	facts["score"] = 100 * c.met / max(1, c.all)
	if len(c.missing) > 0 {
		return Result{Verdict: Inconclusive, Reason: strings.Join(c.missing, "; "), Facts: facts}
	}
	return Result{Verdict: Valid, Facts: facts}
}

// faults lists the planned faults; "none" is none.
func (c *coverage) faults() []string {
	return slices.DeleteFunc(slices.Clone(c.plan.Faults), func(f string) bool { return f == "none" || f == "" })
}

func isRead(f string) bool { return strings.HasPrefix(f, "read") }

// finalPhase asks for the end of the run.
func (c *coverage) finalPhase(facts map[string]any) {
	final := c.plan.Final
	c.need(final.Happened(), "the run did not reach its final phase, in which it looks at what became of the data")
	onlyAdds := true
	var mainReads, finalOps, finalOK, finalReads int
	for _, call := range c.view.Calls {
		inv := c.view.Inv(call)
		if !isRead(inv.F) && inv.F != "add" {
			onlyAdds = false
		}
		isFinal := final.Happened() && inv.Index >= final.Index
		switch {
		case !isFinal && isRead(inv.F):
			mainReads++
		case isFinal:
			finalOps++
			if call.Type == history.OK {
				finalOK++
				if isRead(inv.F) {
					finalReads++
				}
			}
		}
	}
	c.finalOnly = finalReads > 0 && (mainReads == 0 || onlyAdds)
	facts["final operations"], facts["final reads ok"] = finalOps, finalReads
	c.need(finalOps == 0 || finalOK > 0, "no operation of the final phase succeeded")
}

// noFaults asks that a run without faults did something at all.
func (c *coverage) noFaults() {
	var okEffects, okReads int
	for _, call := range c.view.Calls {
		switch {
		case call.Type != history.OK:
		case isRead(c.view.Inv(call).F):
			okReads++
		default:
			okEffects++
		}
	}
	c.need(len(c.view.Calls) >= minAttempts, "clients attempted %d operations in all: %d are needed", len(c.view.Calls), minAttempts)
	c.need(okEffects > 0, "no operation that changes anything succeeded")
	c.need(okReads > 0, "no read succeeded")
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
	c.need(rate >= minRate, "only %.1f operations a second succeeded in the %s before the first fault: %d are needed", rate, Took(warmUp), minRate)
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
	c.need(n >= want, "%s was planned %d×, and begun %d×", fault, want, n)
}

// window judges one window.
func (c *coverage) window(w history.Window, next history.Point) WindowCoverage {
	before := len(c.missing)
	name := fmt.Sprintf("window %s (%s)", w.ID, w.Fault)
	out := WindowCoverage{ID: w.ID, Fault: w.Fault, Observed: w.Observed.From.Happened(), Attempts: map[string]int{}}
	if !w.Commanded.From.Happened() {
		c.need(false, "%s was never begun: %s", name, strings.Join(w.Errors, ", "))
		out.Missing = slices.Clone(c.missing[before:])
		return out
	}
	c.need(out.Observed, "%s was commanded, but no probe ever saw it: it did not happen", name)
	c.need(w.Recovered.Happened(), "%s was never seen to be gone", name)
	if out.Observed {
		c.inside(w, next, name, &out)
	}
	out.Missing = slices.Clone(c.missing[before:])
	return out
}

// side is what clients attempted through the nodes of one side.
type side struct {
	name           string
	nodes          []string
	effects, reads int
}

func (c *coverage) inside(w history.Window, next history.Point, name string, out *WindowCoverage) {
	from, to := w.Observed.From, w.Observed.To
	if !to.Happened() {
		to = w.Recovered
	}
	until := int64(1<<62 - 1)
	if to.Happened() {
		until = to.Index
		out.Seconds = max(0, to.Time-from.Time).Seconds()
	}
	sides := []*side{}
	for _, nodes := range w.Sides {
		sides = append(sides, &side{name: strings.Join(nodes, "+"), nodes: nodes})
	}
	if len(sides) == 0 {
		sides = append(sides, &side{name: "all nodes", nodes: c.plan.Nodes})
	}
	touched := map[string]map[string]bool{} // key → nodes
	after := 0
	for _, call := range c.view.Calls {
		inv := c.view.Inv(call)
		if call.Type == history.OK {
			ret := c.view.Ops[call.Return].Index
			if ret >= from.Index && ret < until {
				out.OK++
			}
			if inv.Index >= until && (!next.Happened() || ret < next.Index) {
				after++
			}
		}
		if inv.Index < from.Index || inv.Index >= until {
			continue
		}
		if isRead(inv.F) {
			out.Reads++
		} else {
			out.Effects++
		}
		for _, s := range sides {
			switch {
			case !slices.Contains(s.nodes, inv.Node):
			case isRead(inv.F):
				s.reads++
			default:
				s.effects++
			}
		}
		if touched[inv.Key] == nil {
			touched[inv.Key] = map[string]bool{}
		}
		touched[inv.Key][inv.Node] = true
	}
	for _, s := range sides {
		n := s.effects + s.reads
		out.Attempts[s.name] = n
		c.need(n >= minAttempts, "%s: clients attempted %d operations through %s: %d are needed", name, n, s.name, minAttempts)
		c.need(s.effects > 0, "%s: clients attempted nothing that changes data through %s", name, s.name)
		c.need(s.reads > 0 || c.finalOnly, "%s: clients attempted no read through %s", name, s.name)
	}
	if len(c.plan.Nodes) > 1 {
		c.need(shared(touched, w.Sides), "%s: no key was used from two sides, so that nothing could disagree", name)
	}
	if c.allHarmed(w) {
		c.need(after > 0, "%s harmed every node, and nothing succeeded after it", name)
	} else {
		c.need(out.OK > 0, "%s: nothing succeeded anywhere while it lasted", name)
	}
}

// allHarmed reports whether the window harmed every node.
func (c *coverage) allHarmed(w history.Window) bool {
	return len(c.plan.Nodes) > 0 && !slices.ContainsFunc(c.plan.Nodes, func(n string) bool { return !slices.Contains(w.Harmed, n) })
}

// shared reports whether one key was used from two nodes that no side has both of; without sides, from two nodes.
func shared(touched map[string]map[string]bool, sides [][]string) bool {
	for _, nodes := range touched {
		names := slices.Sorted(maps.Keys(nodes))
		for i, a := range names {
			for _, b := range names[i+1:] {
				together := len(sides) > 0 && slices.ContainsFunc(sides, func(s []string) bool {
					return slices.Contains(s, a) && slices.Contains(s, b)
				})
				if !together {
					return true
				}
			}
		}
	}
	return false
}
