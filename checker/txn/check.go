package txn

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// judgement is what is known of a history before it is put into a result.
type judgement struct {
	*columns
	found   *found
	graph   *graph
	source  source
	writes  string
	facts   map[string]any
	mistake mistake
}

// timeline gives when the transactions of columns happened.
func (c *columns) timeline() timeline {
	t := timeline{inv: c.inv, ret: c.ret, next: make([]int32, len(c.inv))}
	last := map[int32]int32{}
	for i := range c.inv {
		t.next[i] = none
		if c.typ[i] == history.Fail {
			continue
		}
		p := c.process(int32(i))
		if before, ok := last[p]; ok && c.ret[before] != never {
			t.next[before] = int32(i)
		}
		last[p] = int32(i)
	}
	return t
}

// result searches for cycles and says what all of it means for what was asked.
func (j *judgement) result(ctx context.Context, a asked) checker.Result {
	s := search(ctx, j.graph, j.timeline(), j.mistake)
	cycles, doubted := prove(j.columns, s, j.source, j.writes)
	counts := maps.Clone(j.found.counts)
	if counts == nil {
		counts = map[string]int{}
	}
	for name, ps := range cycles {
		if len(ps) > 0 {
			counts[name] = len(s.cycles[name])
		}
	}
	exist := j.existing(s, counts)
	out := checker.Result{Verdict: checker.Valid, Facts: j.facts}
	out.Anomalies = j.anomalies(cycles, exist, a)
	names := slices.Sorted(maps.Keys(counts))
	not, alsoNot := boundary(names)
	maps.Copy(out.Facts, map[string]any{
		"transactions": int(j.txns()), "keys": len(j.keys), "dependencies": len(j.graph.to), "anomalies": counts, "not": not, "also-not": alsoNot,
	})
	if a.words != "" {
		out.Facts["consistency"] = a.words
	}
	var say []string
	bad := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(a.forbidden, n) })
	slices.SortStableFunc(bad, func(x, y string) int { return cmp.Compare(rank(x), rank(y)) })
	if len(bad) > 0 {
		out.Verdict = checker.Invalid
		say = append(say, fmt.Sprintf("found %s", counted(bad, counts)))
		if len(not) > 0 {
			say = append(say, "this is not "+strings.Join(not, ", not "))
		}
	} else if allowed := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(a.forbidden, n) }); len(allowed) > 0 {
		say = append(say, fmt.Sprintf("found what %s allows: %s", a.promise(), counted(allowed, counts)))
	}
	unknown := func(why string) {
		out.Verdict = checker.Merge(out.Verdict, checker.Unknown)
		say = append(say, why)
	}
	if ctx.Err() != nil {
		unknown("the time was up before the search for cycles ended")
	}
	if doubted > 0 {
		unknown(fmt.Sprintf("%d cycles were not confirmed by the raw history and are not shown: this is an error of the checker", doubted))
	}
	if cut := slices.Sorted(maps.Keys(s.cut)); len(cut) > 0 {
		out.Facts["searches cut short"] = cut
		if out.Verdict == checker.Valid && slices.ContainsFunc(cut, func(n string) bool { return slices.Contains(a.forbidden, n) }) {
			unknown("the search for " + strings.Join(cut, ", ") + " needs more work than its budget")
		}
	}
	if len(j.graph.to) == 0 && out.Verdict == checker.Valid {
		unknown("no transaction depends on another: there is nothing to judge")
	}
	if len(a.notLooked) > 0 {
		out.Facts["not searched"] = a.notLooked
		say = append(say, "not searched: "+strings.Join(a.notLooked, ", "))
	}
	out.Reason = strings.Join(say, "; ")
	return out
}

func (a asked) promise() string {
	if a.words == "" {
		return "this question"
	}
	return a.words
}

// counted lists anomalies with how many there are of each.
func counted(names []string, counts map[string]int) string {
	var parts []string
	for _, n := range names {
		parts = append(parts, fmt.Sprintf("%s (%d)", n, counts[n]))
	}
	return strings.Join(parts, ", ")
}

// existing gives the anomalies of which only is known that there is a cycle, where no other proves as much, and counts them.
func (j *judgement) existing(s *searcher, counts map[string]int) (out []checker.Anomaly) {
	for v := plain; v < variants; v++ {
		for m := range models {
			name, model := existNames[v][m][0], existNames[v][m][1]
			if !s.levels[v][m] {
				continue
			}
			not, also := boundary(slices.Collect(maps.Keys(counts)))
			if slices.Contains(not, model) || slices.Contains(also, model) {
				continue
			}
			counts[name] = 1
			out = append(out, checker.Anomaly{
				Name: name, Ops: []int64{}, RulesOut: rulesOut(name),
				Text: fmt.Sprintf("There is a cycle of dependencies that %s forbids, but the search for a single one ended before it had one to show.", model),
			})
		}
	}
	return out
}

// anomalies lists what was found, the worst and what fails the run first.
func (j *judgement) anomalies(cycles map[string][]proven, exist []checker.Anomaly, a asked) []checker.Anomaly {
	out := exist
	for _, f := range j.found.list {
		data := f.data
		if data == nil {
			x := checker.Exhibit{}
			for _, t := range f.txns {
				x.Ops = append(x.Ops, checker.ExhibitCall(j.view, j.view.Calls[j.call[t]], j.label(t)))
			}
			data = x
		}
		out = append(out, checker.Anomaly{Name: f.name, Key: j.keys[f.key], Ops: j.events(f.txns), Text: f.text + ".", RulesOut: rulesOut(f.name), Data: data})
	}
	for _, name := range slices.Sorted(maps.Keys(cycles)) {
		for _, p := range cycles[name] {
			an := p.anomaly(j.view, j.writes)
			an.RulesOut = rulesOut(name)
			out = append(out, an)
		}
	}
	for i := range out {
		if !slices.Contains(a.forbidden, out[i].Name) {
			out[i].Text = "Allowed by " + a.promise() + ": " + out[i].Text
		}
	}
	slices.SortStableFunc(out, func(x, y checker.Anomaly) int {
		fx, fy := slices.Contains(a.forbidden, x.Name), slices.Contains(a.forbidden, y.Name)
		if fx != fy {
			if fx {
				return -1
			}
			return 1
		}
		return cmp.Compare(rank(x.Name), rank(y.Name))
	})
	return out
}

// rank orders anomalies by how bad they are: what breaks the data itself, then cycles by kind and variant, then doubts.
func rank(name string) int {
	for v := plain; v < variants; v++ {
		for k := g0; k < kinds; k++ {
			if name == cycleName(k, v) {
				return 100 + 10*int(v) + int(k)
			}
		}
	}
	if strings.HasSuffix(name, "-cycle-exists") {
		return 1000
	}
	order := []string{"thin-air-read", "duplicate-elements", "cyclic-versions", "incompatible-order", "G1a", "dirty-update", "G1b", "internal", "future-read"}
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return 100 + int(gSingle) // lost-update and orders of versions in time
}

// rulesOut gives the well-known models under which an anomaly cannot be.
func rulesOut(name string) (out []string) {
	for _, m := range []string{"read-uncommitted", "read-committed", "repeatable-read", "snapshot-isolation", "serializable", "strict-serializable"} {
		c, _ := modelOf(m)
		if slices.Contains(forbidden([]string{c}), name) {
			out = append(out, m)
		}
	}
	return out
}
