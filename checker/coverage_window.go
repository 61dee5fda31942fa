package checker

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// window judges one window; all are the run's, in their order.
func (c *coverage) window(w history.Window, all []history.Window) WindowCoverage {
	before := len(c.missing)
	name := fmt.Sprintf("window %s (%s)", w.ID, w.Fault)
	out := WindowCoverage{ID: w.ID, Fault: w.Fault, Observed: w.Observed.From.Happened(), Attempts: map[string]int{}}
	if !w.Commanded.From.Happened() {
		c.need(ruleBegun, false, "%s was never begun: %s", name, strings.Join(w.Errors, ", "))
		out.Missing = slices.Clone(c.missing[before:])
		return out
	}
	c.need(ruleHarm, len(w.Harmed) > 0 || len(w.Sides) > 1, "%s harmed nobody", name)
	c.need(ruleObserved, out.Observed, "%s was commanded, but no probe ever saw it: it did not happen", name)
	c.need(ruleGone, w.Recovered.Happened(), "%s was never seen to be gone", name)
	c.need(ruleOrder, inOrder(w.Commanded.From, w.Observed.From, w.Observed.To, w.Recovered), "%s: its times contradict one another", name)
	if w.Recovered.Happened() && c.plan.Final.Happened() {
		c.need(ruleFinalLate, w.Recovered.Index <= c.plan.Final.Index, "the final phase began before %s was gone: what it read says nothing", name)
	}
	if out.Observed {
		c.inside(w, all, name, &out)
	}
	c.again(w, name)
	out.Missing = slices.Clone(c.missing[before:])
	return out
}

// inOrder reports whether those of the points that happened did so one after the other.
func inOrder(ps ...history.Point) bool {
	last := int64(-1)
	for _, p := range ps {
		if p.Happened() && p.Index < last {
			return false
		}
		if p.Happened() {
			last = p.Index
		}
	}
	return true
}

// side is what clients attempted through the nodes of one side.
type side struct {
	name           string
	nodes          []string
	effects, reads int
}

// usage is what happened to one key in a window.
type usage struct {
	nodes          map[string]bool
	changed, found bool // found: read, in the window or later
}

func (c *coverage) inside(w history.Window, all []history.Window, name string, out *WindowCoverage) {
	from, to := w.Observed.From, w.Observed.To
	if !to.Happened() {
		to = w.Recovered
	}
	until := int64(math.MaxInt64)
	if to.Happened() {
		until = to.Index
		out.Seconds = max(0, to.Time-from.Time).Seconds()
	}
	next := int64(math.MaxInt64) // where the first window begins that begins behind this one
	for _, o := range all {
		if o.Commanded.From.Happened() && o.Commanded.From.Index >= until && o.ID != w.ID {
			next = min(next, o.Commanded.From.Index)
		}
	}
	sides := []*side{}
	for _, nodes := range w.Sides {
		sides = append(sides, &side{name: strings.Join(nodes, "+"), nodes: nodes})
	}
	if len(sides) == 0 {
		sides = append(sides, &side{name: "all nodes", nodes: c.plan.Nodes})
	}
	keys := map[string]*usage{}
	after := 0
	for _, call := range c.view.Calls {
		inv := c.view.Inv(call)
		if call.Type == history.OK {
			ret := c.view.Ops[call.Return].Index
			if ret >= from.Index && ret < until {
				out.OK++
			}
			if inv.Index >= until && ret < next {
				after++
			}
		}
		reads, changes := touches(inv)
		if inv.Index < from.Index {
			continue
		}
		if u := keys[inv.Key]; u != nil && reads {
			u.found = true
		}
		if inv.Index >= until {
			continue
		}
		out.Total++
		if reads {
			out.Reads++
		}
		if changes {
			out.Effects++
		}
		for _, s := range sides {
			if !slices.Contains(s.nodes, inv.Node) {
				continue
			}
			out.Attempts[s.name]++
			if reads {
				s.reads++
			}
			if changes {
				s.effects++
			}
		}
		u := keys[inv.Key]
		if u == nil {
			u = &usage{nodes: map[string]bool{}}
			keys[inv.Key] = u
		}
		u.nodes[inv.Node] = true
		u.changed, u.found = u.changed || changes, u.found || reads
	}
	for _, s := range sides {
		n := out.Attempts[s.name]
		out.Attempts[s.name] = n // a side without any stands there with 0
		c.need(ruleSide, n >= minAttempts, "%s: clients attempted %d operations through %s: %d are needed", name, n, s.name, minAttempts)
		c.need(ruleSideEffect, s.effects > 0, "%s: clients attempted nothing that changes data through %s", name, s.name)
		c.need(ruleSideRead, s.reads > 0 || c.finalOnly, "%s: clients attempted no read through %s", name, s.name)
	}
	if len(c.plan.Nodes) > 1 {
		c.need(ruleShared, shared(keys, w.Sides), "%s: no key was changed and read, and used from two sides, so that nothing could disagree", name)
	}
	switch harmed, nodes := c.harmed(w), len(c.plan.Nodes); {
	case nodes > 0 && harmed == nodes:
		c.need(ruleAfter, after > 0, "%s harmed every node, and nothing succeeded after it", name)
	case nodes > 0 && 2*harmed >= nodes: // no majority is left: a database that wants one answers nothing, and is right
		c.need(ruleAfter, out.OK+after > 0, "%s left no majority, and nothing succeeded while it lasted or after it", name)
	default:
		c.need(ruleInside, out.OK > 0, "%s: nothing succeeded anywhere while it lasted", name)
	}
}

// harmed counts the nodes of the plan that the window harmed.
func (c *coverage) harmed(w history.Window) int {
	n := 0
	for _, node := range c.plan.Nodes {
		if slices.Contains(w.Harmed, node) {
			n++
		}
	}
	return n
}

// again asks that whoever was harmed was used afterwards: what a node does when it comes back is half of the test.
func (c *coverage) again(w history.Window, name string) {
	if !w.Recovered.Happened() {
		return // that is said already
	}
	used := map[string]bool{}
	for _, call := range c.view.Calls {
		if inv := c.view.Inv(call); inv.Index >= w.Recovered.Index {
			used[inv.Node] = true
		}
	}
	unused := slices.DeleteFunc(slices.Clone(w.Harmed), func(n string) bool { return used[n] })
	c.need(ruleAgain, len(unused) == 0, "%s: nobody used %s again when it was gone", name, strings.Join(unused, ", "))
}

// shared reports whether one key was changed and read, and used from two nodes that no side has both of; without sides, from two nodes.
func shared(keys map[string]*usage, sides [][]string) bool {
	for _, u := range keys {
		if !u.changed || !u.found {
			continue
		}
		names := slices.Sorted(maps.Keys(u.nodes))
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
