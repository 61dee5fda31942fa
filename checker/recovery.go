package checker

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/history"
)

// What it takes to say that a node never recovered. With less it is not known.
const (
	recoveryTries  = 10               // operations that were tried in vain
	recoveryWithin = 30 * time.Second // the last of them so long after the last fault had ended
	recoveryFinal  = 15 * time.Second // or so long after the final phase began, before which the run saw the database ready
	shortestGap    = time.Second      // the shortest time without an ok that is listed
	mostGaps       = 50
)

// Recovery is the checker of liveness: when the last fault is gone, every node serves again, and each kind of operation that
// clients go on to try succeeds through each node. It tells how long that took, and when there was nothing ok for a second or
// more. A node, or a kind of operation, that clients tried 10 times in vain, up to 30 s (--param recovery-within) after the
// fault had ended or 15 s into the final phase, never recovered; with fewer attempts nothing is known of a node, and nothing is
// said of a kind. A run that ends right after healing is judged by its final reads. Where a database died by itself nobody
// is accused: something else may have ended it.
func Recovery() Spec {
	return Spec{"recovery", "after the last fault every node serves again; how long that took, and when nothing was ok; --param recovery-within=30s is how long a database may take", Func(checkRecovery)}
}

// Gap is a time in which nobody got an ok through a node, though clients tried.
type Gap struct {
	Node     string  `json:"node"`
	From     float64 `json:"from-seconds"`
	Seconds  float64 `json:"seconds"`
	Attempts int     `json:"attempts"`
	During   string  `json:"during,omitempty"` // the windows that it overlaps
}

// recovery is a run after its last fault.
type recovery struct {
	view    *history.View
	plan    history.Plan
	healed  history.Point // of the last fault; the beginning where there was none
	last    string        // that fault
	within  time.Duration
	unknown []string
	out     Result
}

func checkRecovery(_ context.Context, in Input) Result {
	if in.Plan == nil {
		return Result{Reason: "a history without a plan does not say when its faults ended"}
	}
	r := &recovery{view: in.History, plan: *in.Plan, out: Result{Facts: map[string]any{}}}
	var err error
	if r.within, err = in.Params.Duration("recovery-within", recoveryWithin); err != nil {
		return Result{Reason: err.Error()}
	}
	if len(r.view.Calls) == 0 {
		return Result{Reason: "the history has no operation of a client"}
	}
	open := r.lastFault(in.Windows)
	gaps, more := r.gaps(in.Windows)
	r.out.Facts["without any ok"] = gaps
	if more > 0 {
		r.out.Facts["more gaps"] = more
	}
	if open != "" {
		r.out.Reason = open + " was never seen to end, so there is nothing after it"
		return r.out
	}
	if r.last == "" {
		r.out.Facts["faults"] = "none"
		if planned := slices.DeleteFunc(slices.Clone(r.plan.Faults), func(f string) bool { return f == "none" || f == "" }); len(planned) > 0 {
			r.out.Reason = "no planned fault ever began: " + strings.Join(planned, ", ")
			return r.out
		}
		r.out.Verdict = Valid
		return r.out
	}
	r.out.Facts["last fault ended (seconds)"] = r.healed.Time.Seconds()
	r.nodes()
	died := deaths(r.view)
	switch {
	case len(died) > 0 && len(r.out.Anomalies)+len(r.unknown) > 0: // nobody is accused of what was done to it
		r.out.Verdict, r.out.Anomalies = Inconclusive, nil
		r.unknown = []string{fmt.Sprintf("the database died by itself on %s, so that nobody can say whether it would have recovered", strings.Join(died, ", "))}
	case len(r.out.Anomalies) > 0:
		r.out.Verdict = Invalid
		for _, a := range r.out.Anomalies[:min(len(r.out.Anomalies), 4)] {
			r.unknown = append(r.unknown, a.Text)
		}
	case len(r.unknown) == 0:
		r.out.Verdict = Valid
	}
	r.out.Reason = strings.Join(r.unknown, "; ")
	return r.out
}

// deaths are the nodes on which the database ended by itself.
func deaths(v *history.View) (nodes []string) {
	for _, o := range v.Ops {
		if o.Process == history.Nemesis && o.F == history.Died && !slices.Contains(nodes, o.Node) {
			nodes = append(nodes, o.Node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// lastFault finds where the last fault ended; open is one that never did.
func (r *recovery) lastFault(windows []history.Window) (open string) {
	for _, w := range windows {
		if !w.Commanded.From.Happened() {
			continue
		}
		name := fmt.Sprintf("%s (%s)", w.ID, w.Fault)
		end := w.Recovered
		if !end.Happened() {
			end = w.Commanded.To
		}
		switch {
		case !end.Happened():
			open = name
		case r.last == "" || end.Index > r.healed.Index:
			r.healed, r.last = end, name
		}
	}
	return open
}

// tried is what clients did through one node after the last fault.
type tried struct {
	what     string // "n2", or "write through n2"
	calls    []history.Call
	ok       bool
	first    time.Duration // from the end of the fault to the first ok
	trailing int           // attempts since the last ok, in vain
}

func (t *tried) add(v *history.View, c history.Call, healed history.Point) {
	if _, ended := v.Ret(c); !ended {
		return // the end of the run cut it off
	}
	t.calls = append(t.calls, c)
	if !answered(v, c) {
		t.trailing++
		return
	}
	t.trailing = 0
	if took := max(0, v.Ops[c.Return].Time-healed.Time); !t.ok || took < t.first {
		t.ok, t.first = true, took
	}
}

// nodes judges each node, and each kind of operation through it.
func (r *recovery) nodes() {
	names := r.plan.Nodes
	byNode, byKind := map[string]*tried{}, map[string]map[string]*tried{}
	for _, n := range names {
		byNode[n], byKind[n] = &tried{what: n}, map[string]*tried{}
	}
	for _, c := range r.view.Calls {
		inv := r.view.Inv(c)
		if inv.Index < r.healed.Index || byNode[inv.Node] == nil {
			continue
		}
		byNode[inv.Node].add(r.view, c, r.healed)
		k := byKind[inv.Node][inv.F]
		if k == nil {
			k = &tried{what: inv.F + " through " + inv.Node}
			byKind[inv.Node][inv.F] = k
		}
		k.add(r.view, c, r.healed)
	}
	first := map[string]float64{}
	for _, n := range names {
		t := byNode[n]
		if t.ok {
			first[n] = t.first.Seconds()
		}
		switch {
		case r.dead(t):
			r.accuse(t)
			continue // its kinds would only say the same again
		case len(t.calls) == 0:
			r.unknown = append(r.unknown, fmt.Sprintf("nobody tried %s after the last fault, %s, had ended", n, r.last))
		case !t.ok:
			r.unknown = append(r.unknown, fmt.Sprintf("%s answered none of the %s tried after the last fault, %s, had ended: too few, or for too short a time, to say that it never recovered",
				n, count(len(t.calls), "operation"), r.last))
		}
		for _, f := range slices.Sorted(maps.Keys(byKind[n])) {
			if k := byKind[n][f]; r.dead(k) {
				r.accuse(k)
			}
		}
	}
	if len(names) == 0 {
		r.unknown = append(r.unknown, "the plan names no nodes")
	}
	r.out.Facts["first ok after it (seconds)"] = first
}

// dead reports whether enough was tried in vain, for long enough, since the last ok or the end of the fault.
func (r *recovery) dead(t *tried) bool {
	if t.trailing < recoveryTries {
		return false
	}
	vain := t.calls[len(t.calls)-t.trailing:]
	since := r.healed.Time
	if before := len(t.calls) - t.trailing - 1; before >= 0 {
		since = max(since, r.view.Ops[t.calls[before].Return].Time)
	}
	asked, final := r.view.Inv(vain[len(vain)-1]), r.plan.Final
	if asked.Time-since >= r.within {
		return true
	}
	return final.Happened() && final.Index >= r.healed.Index && asked.Index >= final.Index &&
		asked.Time-max(since, final.Time) >= min(recoveryFinal, r.within)
}

func (r *recovery) accuse(t *tried) {
	vain := t.calls[len(t.calls)-t.trailing:]
	from, last := r.view.Inv(vain[0]), r.view.Inv(vain[len(vain)-1])
	text := fmt.Sprintf("%s: nothing succeeded since %s, which had ended %s before: %s in vain, from %s to %s of the run",
		t.what, r.last, Took(max(0, last.Time-r.healed.Time)), count(len(vain), "attempt"), Took(from.Time), Took(last.Time))
	if t.ok {
		text = fmt.Sprintf("%s: it served again after %s, and then nothing succeeded any more: %s in vain, from %s to %s of the run",
			t.what, r.last, count(len(vain), "attempt"), Took(from.Time), Took(last.Time))
	}
	show := vain
	if len(show) > 4 {
		show = []history.Call{vain[0], vain[1], vain[len(vain)-2], vain[len(vain)-1]}
	}
	ex := Exhibit{Why: "every fault was gone, and a database that is healed must serve again"}
	for _, c := range show {
		ex.Ops = append(ex.Ops, ExhibitCall(r.view, c, "in vain"))
	}
	r.out.Anomalies = append(r.out.Anomalies, Anomaly{Name: "never-recovered", Ops: Events(r.view, show...), Text: text, RulesOut: RulesOut("never-recovered"), Data: ex})
}

// gaps lists, for each node, when nobody got an ok for a second or more though clients tried; the longest where there are
// many. A gap begins with the first attempt in it: a time in which nobody asked is no outage.
func (r *recovery) gaps(windows []history.Window) (out []Gap, more int) {
	type times struct{ oks, tries []time.Duration } // when somebody was answered, and when somebody asked
	nodes := map[string]*times{}
	for _, n := range r.plan.Nodes {
		nodes[n] = &times{}
	}
	for _, c := range r.view.Calls {
		inv := r.view.Inv(c)
		x := nodes[inv.Node]
		if x == nil {
			continue
		}
		x.tries = append(x.tries, inv.Time)
		if answered(r.view, c) {
			x.oks = append(x.oks, r.view.Ops[c.Return].Time)
		}
	}
	end := r.view.Ops[len(r.view.Ops)-1].Time
	type gap struct {
		Gap
		from, to time.Duration
	}
	all := []gap{}
	for _, n := range slices.Sorted(maps.Keys(nodes)) {
		x := nodes[n]
		slices.Sort(x.oks)
		slices.Sort(x.tries)
		at, from := 0, time.Duration(math.MinInt64)
		for _, t := range append(x.oks, end) {
			for at < len(x.tries) && x.tries[at] < from {
				at++
			}
			first := at
			for at < len(x.tries) && x.tries[at] < t {
				at++
			}
			if at > first && t-x.tries[first] >= shortestGap {
				all = append(all, gap{Gap{Node: n, From: seconds(x.tries[first]), Seconds: seconds(t - x.tries[first]), Attempts: at - first}, x.tries[first], t})
			}
			from = t
		}
	}
	if more = max(0, len(all)-mostGaps); more > 0 {
		slices.SortStableFunc(all, func(a, b gap) int { return cmp.Compare(b.Seconds, a.Seconds) })
	}
	out = []Gap{}
	for _, g := range all[:len(all)-more] {
		g.During = overlapping(windows, g.from, g.to)
		out = append(out, g.Gap)
	}
	return out, more
}

// overlapping names the windows in force at some time between two.
func overlapping(windows []history.Window, from, to time.Duration) string {
	var ids []string
	for _, w := range windows {
		end := w.Recovered
		if !end.Happened() {
			end.Time = math.MaxInt64
		}
		if w.Commanded.From.Happened() && w.Commanded.From.Time < to && end.Time > from && len(ids) < 20 {
			ids = append(ids, w.ID)
		}
	}
	return strings.Join(ids, ", ")
}

// seconds gives a time with three digits behind the point.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
