package checker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// Set is the checker for sets that only grow (operations add and read): every acknowledged element must be in
// the final reads, which are those that began in the final phase; from a history without a plan, the last ok read of
// each node. It is Jepsen's set checker, made strict: each node must be read, and a read must not contain what
// failed for certain.
func Set() Spec {
	return Spec{"set", "every acknowledged element of a set (add, read) is in the final reads of all nodes, and nothing else", setChecker{}}
}

// listed is how many elements an anomaly names.
const listed = 20

type setChecker struct{}

// Check judges each key as a set of its own.
func (setChecker) Check(ctx context.Context, in Input) Result {
	v := in.History
	if in.Plan != nil && !in.Plan.Final.Happened() {
		return Result{Verdict: Inconclusive, Reason: "the run did not come to its final phase, so there are no final reads to judge"}
	}
	if len(v.Keys()) == 0 {
		return Result{Reason: "the history has no operation of a client"}
	}
	out := Result{Verdict: Valid}
	var why []string
	total := setCounts{}
	for _, key := range v.Keys() {
		if ctx.Err() != nil {
			return Result{Verdict: out.verdictSoFar(), Anomalies: out.Anomalies, Reason: "the time was up before every set was judged"}
		}
		s, reason := newSetHistory(v, key, in.Plan)
		if reason == nil {
			reason = s.missingReads(in.Plan)
		}
		if reason != nil {
			out.doubt(reason)
			why = append(why, reason.Error())
		}
		if s == nil || len(s.reads) == 0 {
			continue
		}
		as := s.judge(&total)
		if len(as) > 0 {
			out.Verdict = Invalid
		}
		out.Anomalies = append(out.Anomalies, as...)
	}
	if out.Verdict == Valid && total.acknowledged == 0 {
		out.Verdict = Unknown
		why = append(why, "no add was acknowledged: there is nothing to lose")
	}
	if out.Verdict == Invalid {
		var texts []string
		for _, a := range out.Anomalies {
			texts = append(texts, a.Text)
		}
		why = append(texts[:min(len(texts), 4)], why...)
	}
	out.Reason = strings.Join(why, "; ")
	out.Facts = map[string]any{
		"algorithm": "one pass", "attempted": total.attempted, "acknowledged": total.acknowledged, "final reads": total.reads,
		"lost": total.lost, "diverged": total.diverged, "unexpected": total.unexpected, "aborted": total.aborted,
		"recovered": total.recovered, "read twice": total.duplicated,
	}
	return out
}

// verdictSoFar is what may be said when the rest was not looked at.
func (r Result) verdictSoFar() Verdict {
	if r.Verdict == Invalid {
		return Invalid
	}
	return Unknown
}

type setCounts struct {
	attempted, acknowledged, reads, lost, diverged, unexpected, aborted, recovered, duplicated int
}

// setHistory is one set: its elements and its final reads.
type setHistory struct {
	view     *history.View
	key      string
	elements map[string]*element
	order    []string
	nodes    []string // that had any operation on the set
	reads    []finalRead
}

// element is the attempts to add one element.
type element struct {
	value history.Value
	calls []history.Call
	acked int // position of the first acknowledgement, -1 for none
	maybe bool
}

type finalRead struct {
	call history.Call
	node string
	has  map[string]int
}

// newSetHistory takes one key apart. A reason is given when something in it is no set's.
func newSetHistory(v *history.View, key string, plan *history.Plan) (*setHistory, error) {
	s := &setHistory{view: v, key: key, elements: map[string]*element{}}
	last := map[string]history.Call{}
	for _, ci := range v.CallsOf(key) {
		c := v.Calls[ci]
		inv := v.Inv(c)
		if !slices.Contains(s.nodes, inv.Node) {
			s.nodes = append(s.nodes, inv.Node)
		}
		switch inv.F {
		case "add":
			text := Canonical(inv.Value)
			e := s.elements[text]
			if e == nil {
				e = &element{value: inv.Value, acked: -1}
				s.elements[text] = e
				s.order = append(s.order, text)
			}
			e.calls = append(e.calls, c)
			switch {
			case c.Type == history.OK && (e.acked < 0 || c.Return < e.acked):
				e.acked = c.Return
			case c.Type == history.Info:
				e.maybe = true
			}
		case "read", "read-set":
			if c.Type != history.OK || plan != nil && inv.Index < plan.Final.Index {
				continue
			}
			last[inv.Node] = c // calls come in the order of their invocations
		default:
			return nil, malformed(inv.Index, "operation %q: a set has add and read", inv.F)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(last)) {
		c := last[node]
		answer := v.Ops[c.Return].Value
		list, ok := answer.List()
		if !ok && !answer.IsNil() {
			return nil, malformed(v.Ops[c.Return].Index, "a read answered %s: expected a list", Show(answer))
		}
		has := make(map[string]int, len(list))
		for _, x := range list {
			has[Canonical(x)]++
		}
		s.reads = append(s.reads, finalRead{call: c, node: node, has: has})
	}
	slices.SortFunc(s.reads, func(a, b finalRead) int { return a.call.Return - b.call.Return })
	return s, nil
}

// missingReads says which node gave no final read.
func (s *setHistory) missingReads(plan *history.Plan) error {
	want := s.nodes
	if plan != nil && len(plan.Nodes) > 0 {
		want = plan.Nodes
	}
	var missing []string
	for _, n := range want {
		if !slices.ContainsFunc(s.reads, func(r finalRead) bool { return r.node == n }) {
			missing = append(missing, n)
		}
	}
	switch {
	case len(s.reads) == 0:
		return errors.New("no final read succeeded: what became of the elements is not known")
	case len(missing) > 0:
		return fmt.Errorf("no final read succeeded through %s", strings.Join(missing, ", "))
	}
	return nil
}

// judge compares what was added with what the final reads contain.
func (s *setHistory) judge(t *setCounts) []Anomaly {
	final := s.reads[len(s.reads)-1] // the last to return
	var lost, diverged, unexpected, aborted []string
	for _, text := range s.order {
		e := s.elements[text]
		if e.acked >= 0 {
			t.acknowledged++
		}
		if e.acked >= 0 && e.acked < final.call.Invoke && final.has[text] == 0 {
			lost = append(lost, text)
		}
		if s.differs(text, e) {
			diverged = append(diverged, text)
		}
	}
	t.attempted += len(s.order)
	t.reads += len(s.reads)
	seen := map[string]bool{}
	for _, r := range s.reads {
		for text, n := range r.has {
			if n > 1 {
				t.duplicated++
			}
			if seen[text] {
				continue
			}
			seen[text] = true
			switch e := s.elements[text]; {
			case e == nil || e.calls[0].Invoke > r.call.Return:
				unexpected = append(unexpected, text)
			case e.acked < 0 && !e.maybe:
				aborted = append(aborted, text)
			case e.acked < 0:
				t.recovered++
			}
		}
	}
	slices.Sort(unexpected)
	slices.Sort(aborted)
	t.lost += len(lost)
	t.diverged += len(diverged)
	t.unexpected += len(unexpected)
	t.aborted += len(aborted)
	var as []Anomaly
	say := func(name string, texts []string, format string) {
		if len(texts) > 0 {
			as = append(as, s.anomaly(name, texts, fmt.Sprintf(format, count(len(texts), "element"), few(texts), s.through(final))))
		}
	}
	say("lost-element", lost, "%s acknowledged and then missing from the last read%[3]s: %[2]s")
	say("diverged", diverged, "%s in the final read of one node and missing from another's: %s%.0[3]s")
	say("unexpected-element", unexpected, "%s in a final read that nobody had tried to add: %s%.0[3]s")
	say("aborted-element", aborted, "%s in a final read though adding had failed for certain: %s%.0[3]s")
	return as
}

// differs reports whether an element is in one final read and missing from another that should have it: the element
// was acknowledged before that one began, or seen by a read that ended before.
func (s *setHistory) differs(text string, e *element) bool {
	known := -1
	if e.acked >= 0 {
		known = e.acked
	}
	has := 0
	for _, r := range s.reads {
		if r.has[text] > 0 {
			has++
			if known < 0 || r.call.Return < known {
				known = r.call.Return
			}
		}
	}
	if has == 0 || has == len(s.reads) {
		return false
	}
	return slices.ContainsFunc(s.reads, func(r finalRead) bool { return r.has[text] == 0 && known < r.call.Invoke })
}

// setData is the Data of a set's anomaly.
type setData struct {
	Elements []history.Value `json:"elements"` // the first of them
	Count    int             `json:"count"`
	Exhibit
}

func (s *setHistory) anomaly(name string, texts []string, text string) Anomaly {
	d := setData{Count: len(texts)}
	var calls []history.Call
	for _, x := range texts[:min(len(texts), listed)] {
		d.Elements = append(d.Elements, history.Value(x))
		if e := s.elements[x]; e != nil && len(calls) < 4 {
			calls = append(calls, e.calls[:min(len(e.calls), 2)]...)
		}
	}
	for _, r := range s.reads {
		calls = append(calls, r.call)
	}
	slices.SortFunc(calls, func(a, b history.Call) int { return a.Invoke - b.Invoke })
	for _, c := range calls {
		x := ExhibitCall(s.view, c, "")
		if x.F != "add" {
			list, _ := x.Value.List()
			x.Value, x.Note = history.Str(count(len(list), "element")), "final read"
		}
		d.Ops = append(d.Ops, x)
	}
	if s.key != "" {
		text = fmt.Sprintf("set %s: %s", s.key, text)
	}
	return Anomaly{Name: name, Key: s.key, Ops: Events(s.view, calls...), Text: text, RulesOut: RulesOut(name), Data: d}
}

func (s *setHistory) through(r finalRead) string {
	if r.node == "" {
		return ""
	}
	return " (" + r.node + ")"
}

// few lists the first of many for a sentence.
func few(texts []string) string {
	const most = 8
	short := make([]string, 0, most+1)
	for _, x := range texts[:min(len(texts), most)] {
		short = append(short, cut(x, 60))
	}
	if len(texts) > most {
		short = append(short, "…")
	}
	return strings.Join(short, ", ")
}

// count gives a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
