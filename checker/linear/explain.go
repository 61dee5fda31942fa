package linear

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// anomaly tells a finding in words and as an exhibit.
func (r *register) anomaly(f finding) checker.Anomaly {
	calls := slices.Clone(f.call)
	notes := map[int32]string{} // by the call's invocation
	for _, o := range f.ops {
		calls = append(calls, r.view.Calls[o.call])
		if in := r.view.Ops[o.inv]; in.F == "cas" && o.from == none {
			notes[o.inv] = "counted as a write of " + r.show(o.to) + ": what it saw is not needed for the proof"
		}
	}
	text, why := r.story(f, notes)
	slices.SortFunc(calls, func(a, b history.Call) int { return cmp.Compare(a.Invoke, b.Invoke) })
	ex := checker.Exhibit{Why: why}
	for _, c := range calls {
		ex.Ops = append(ex.Ops, checker.ExhibitCall(r.view, c, notes[int32(c.Invoke)]))
	}
	return checker.Anomaly{
		Name: f.name, Ops: checker.Events(r.view, calls...), Text: text, Data: ex,
	}
}

func (r *register) show(value int32) string { return checker.Show(r.values[value]) }

// story gives the sentence of an anomaly and the reason why its operations cannot all be right.
func (r *register) story(f finding, notes map[int32]string) (text, why string) {
	last := f.ops[len(f.ops)-1]
	inv := r.view.Ops[last.inv]
	who := checker.Who(inv)
	saw, a := "answered "+r.show(max(last.from, 0))+" to a read", "read"
	if inv.F == "cas" {
		saw, a = "found "+r.show(max(last.from, 0))+" in a successful cas", "cas"
	}
	switch f.name {
	case "aborted-read":
		refused := r.view.Inv(f.call[0])
		return fmt.Sprintf("%s %s, although the only attempt to write it, by %s, had failed for certain", who, saw, checker.Who(refused)),
			"a failed operation did not happen, so nobody can see its value"
	case "thin-air-read":
		return fmt.Sprintf("%s %s, a value that nobody wrote", who, saw), "no operation of the history writes this value, and it is not the initial one"
	case "future-read":
		w := r.view.Ops[f.ops[0].inv]
		return fmt.Sprintf("%s %s that ended %s before anybody asked for that value to be written", who, saw, checker.Took(checker.Since(r.view.Ops[last.ret], w))),
			"a value cannot be seen before its first write is called"
	case "lost-update":
		return fmt.Sprintf("more clients than one changed %s to something else by a cas, and all were told that they did, though it was there only %s",
				r.show(f.value), times(f)),
			"a cas that succeeds takes the value away, so a second one cannot find it"
	case "stale-read", "lost-write":
		over := r.view.Ops[f.done.ret]
		done := " had been written through " + checker.Who(r.view.Ops[f.over.inv])
		if f.done.id != f.over.id {
			done = " had been seen through " + checker.Who(r.view.Ops[f.done.inv])
			notes[f.done.inv] = "saw " + r.show(f.over.to)
		}
		notes[f.over.inv] = "overwrote " + r.show(last.from)
		notes[last.inv] = "saw what had been overwritten"
		text = fmt.Sprintf("%s %s that began %s after %s%s", who, saw,
			checker.Took(checker.Since(over, inv)), r.show(f.over.to), done)
		if f.name == "lost-write" {
			text += "; no " + a + " ever saw " + r.show(f.over.to) + ", and all that began later saw something older"
		}
		return text, fmt.Sprintf("%s had been overwritten by %s before the %s began, and nobody wrote it again before the %s ended", r.show(last.from), r.show(f.over.to), a, a)
	}
	return fmt.Sprintf("no order of these %d operations explains their answers, if each takes effect at one moment between its call and its return", len(f.ops)),
		"every order was tried, and none fits"
}

// times says how often a value was there, as far as the proof knows.
func times(f finding) string {
	n := 0
	for _, o := range f.ops {
		if o.to == f.value {
			n++
		}
	}
	if f.value == initialID {
		n++
	}
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
