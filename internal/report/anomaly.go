package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// anomalyView is one anomaly as the page shows it.
type anomalyView struct {
	N        int
	Name     string
	Checker  string
	Key      string
	Explain  string // for somebody who never heard the name
	Text     string // what happened here
	Why      string // why these operations cannot all be right
	RulesOut []string
	Fault    string // what was broken at the time
	Ops      []opView
	Hidden   int // operations of the proof that are not listed
	Diagram  *diagram
	Open     bool
}

// opView is a row of the table of operations that prove an anomaly.
type opView struct {
	Index              int64
	Who, What, Outcome string
	Class              string
	From, To, Took     string
	Note, Err          string
}

// found is an anomaly with the checker that found it.
type found struct {
	checker string
	checker.Anomaly
}

// anomaliesOf lists all anomalies of a verdict, checker by checker.
func anomaliesOf(v store.Verdict) []found {
	var out []found
	for _, c := range v.Checkers {
		for _, a := range c.Anomalies {
			out = append(out, found{c.Name, a})
		}
	}
	return out
}

// exhibit decodes an anomaly's data; ok is false when it is something else than a checker.Exhibit.
func (f found) exhibit() (e checker.Exhibit, ok bool) {
	b, err := json.Marshal(f.Data)
	if err != nil || json.Unmarshal(b, &e) != nil {
		return checker.Exhibit{}, false
	}
	return e, len(e.Ops) > 0
}

// wantedOps are the events that prove the anomalies.
func wantedOps(as []found) map[int64]bool {
	want := map[int64]bool{}
	for _, a := range as {
		for _, i := range a.Ops[:min(len(a.Ops), 500)] {
			want[i] = true
		}
	}
	return want
}

// proof gives the operations of an anomaly in the order of their calls: from the history, else from its exhibit.
func proof(f found, e checker.Exhibit, s *scanned) []opPair {
	seen := map[int64]bool{}
	var ps []opPair
	for _, i := range f.Ops {
		if p, ok := s.wanted[i]; ok && !seen[p.Inv.Index] {
			seen[p.Inv.Index] = true
			ps = append(ps, p)
		}
	}
	if len(ps) == 0 {
		for _, o := range e.Ops {
			ps = append(ps, fromExhibit(o))
		}
	}
	slices.SortFunc(ps, func(a, b opPair) int { return cmp.Compare(a.Inv.Index, b.Inv.Index) })
	return ps
}

func fromExhibit(o checker.ExhibitOp) opPair {
	inv := history.Op{Index: o.From.Index, Time: o.From.Time, Process: o.Process, Type: history.Invoke, F: o.F, Key: o.Key, Node: o.Node, Value: o.Value}
	done := inv
	done.Type = history.Info
	if t, err := history.ParseType(o.Outcome); err == nil && t != history.Invoke {
		done.Type = t
	}
	if strings.HasPrefix(o.F, "read") {
		inv.Value = ""
	}
	if !o.To.Happened() {
		return opPair{Inv: inv, Done: done, Open: true}
	}
	done.Index, done.Time = o.To.Index, o.To.Time
	return opPair{Inv: inv, Done: done}
}

// viewAnomaly makes the page's view; diagrams are drawn while draw is true.
func viewAnomaly(n int, f found, s *scanned, windows []history.Window, draw bool) anomalyView {
	e, _ := f.exhibit()
	v := anomalyView{N: n, Name: f.Name, Checker: f.checker, Key: plain(clip(f.Key, 80)), Text: clip(f.Text, 1200), Why: clip(e.Why, 1200),
		RulesOut: f.RulesOut, Open: n <= 3}
	v.Explain, _ = checker.Explain(f.Name)
	if len(v.RulesOut) == 0 {
		v.RulesOut = checker.RulesOut(f.Name)
	}
	ps := proof(f, e, s)
	if len(ps) == 0 {
		return v
	}
	notes := map[int64]string{}
	for _, o := range e.Ops {
		notes[o.From.Index] = o.Note
	}
	v.Fault = faultAt(ps, windows)
	if !draw {
		v.Hidden = len(ps)
		return v
	}
	for i, p := range ps {
		if i == dMaxCalls {
			v.Hidden = len(ps) - i
			break
		}
		v.Ops = append(v.Ops, viewOp(p, notes[p.Inv.Index]))
	}
	d := spacetime(ps, windows)
	v.Diagram = &d
	return v
}

func viewOp(p opPair, note string) opView {
	o := opView{Index: p.Inv.Index, Who: fmt.Sprintf("p%d", p.Inv.Process), What: opWords(p, 80), Outcome: p.Done.Type.String(), Class: p.Done.Type.String(),
		From: at(p.start()), To: at(p.end()), Took: dur(p.took()), Note: clip(note, 200), Err: plain(clip(p.Done.Err.String(), 200))}
	if p.Inv.Node != "" {
		o.Who += " @ " + plain(clip(p.Inv.Node, 40))
	}
	if p.Done.Type == history.Info {
		o.To, o.Took = "never known", ""
		if p.Open {
			o.Outcome = "no answer"
		}
	}
	return o
}

// faultAt says in a sentence what was broken while the operations ran. It claims no cause: only what a probe saw, and when.
func faultAt(ps []opPair, windows []history.Window) string {
	from, to, last := ps[0].start(), ps[0].start(), ps[0].start()
	for _, p := range ps {
		last = max(last, p.start())
		to = max(to, p.start())
		if p.Done.Type != history.Info {
			to = max(to, p.end())
		}
	}
	var in []string
	var before *history.Window
	var ended time.Duration // the latest end of those in force
	open := false           // one of those was in force to the end
	for _, w := range windows {
		o := w.Observed
		switch {
		case !o.From.Happened() || o.From.Time > to:
		case !o.To.Happened() || o.To.Time >= from:
			in = append(in, fmt.Sprintf("%s (%s, %s)", plain(clip(w.Fault, 60)), plain(w.ID), seenFor(o)))
			ended, open = max(ended, o.To.Time), open || !o.To.Happened()
		default:
			before = &w
		}
	}
	after := "."
	if !open && last > ended {
		after = fmt.Sprintf("; the last of these operations began %s after that had ended.", dur(last-ended))
	}
	switch {
	case len(in) > 3:
		return fmt.Sprintf("While %s and %d other faults were in force%s", strings.Join(in[:3], ", "), len(in)-3, after)
	case len(in) > 0:
		return "While " + strings.Join(in, " and ") + " was in force" + after
	case before != nil:
		return fmt.Sprintf("No fault was in force; %s (%s) had ended %s before.", plain(clip(before.Fault, 60)), plain(before.ID), dur(max(0, from-before.Observed.To.Time)))
	case len(windows) == 0:
		return "No fault was injected in this run."
	}
	return "No fault had been observed by then."
}

func seenFor(o history.Span) string {
	if !o.To.Happened() {
		return "seen from " + at(o.From.Time) + " on"
	}
	return "seen from " + at(o.From.Time) + " to " + at(o.To.Time)
}
