package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

// Summary puts the checkers' results together: the worst verdict, and a sentence for somebody who has never heard of
// linearizability. Phases of the run that failed (they are in meta.json) are listed as errors, and make inconclusive
// what would have been valid: a run that was not done as planned cannot say that all is well. Nothing makes an invalid run anything else.
func Summary(m store.Meta, rs []store.CheckerResult) store.Verdict {
	v := store.Verdict{Checkers: rs, Seed: m.Seed, Command: m.Command}
	var all []checker.Verdict
	for _, r := range rs {
		all = append(all, r.Verdict)
	}
	v.Verdict = checker.Merge(all...)
	s := sentence{name: m.Target, target: m.Target != "", rs: rs}
	if !s.target {
		s.name = "the database"
	}
	v.Summary = s.of(v.Verdict)
	for _, p := range m.Phases {
		if p.Err != "" {
			v.Errors = append(v.Errors, p.Name+": "+p.Err)
		}
	}
	if len(v.Errors) > 0 && v.Verdict != checker.Invalid {
		v.Verdict = checker.Merge(v.Verdict, checker.Inconclusive)
		v.Summary = "This run does not count: " + strings.TrimRight(v.Errors[0], ".") + ". " + v.Summary
	}
	return v
}

// sentence makes the words of a verdict.
type sentence struct {
	name   string
	target bool // the name is a target's
	rs     []store.CheckerResult
}

func (s sentence) of(v checker.Verdict) string {
	var text string
	switch v {
	case checker.Invalid:
		text = s.invalid()
	case checker.Valid:
		text = s.valid()
	case checker.Inconclusive:
		text = "This run tested too little to say anything about " + s.name + ": " + s.reasons(checker.Inconclusive) + "."
	default:
		text = "It is not known whether " + s.name + " did well: " + s.reasons(checker.Unknown) + "."
	}
	return s.capital(text)
}

// capital begins a sentence.
func (s sentence) capital(text string) string {
	if s.target && strings.HasPrefix(text, s.name) {
		return text // etcd stays etcd
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// reasons lists why checkers gave a verdict, two of them at most.
func (s sentence) reasons(v checker.Verdict) string {
	var out []string
	for _, r := range s.rs {
		if r.Verdict == v {
			out = append(out, r.Name+": "+strings.TrimRight(r.Reason, "."))
		}
	}
	if len(out) == 0 {
		return "no checker was run"
	}
	if n := len(out) - 2; n > 0 {
		out = append(out[:2], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(out, "; ")
}

func (s sentence) invalid() string {
	counts, first := map[string]int{}, map[string]checker.Anomaly{}
	var names []string
	for _, r := range s.rs {
		for _, a := range r.Anomalies {
			if counts[a.Name]++; counts[a.Name] == 1 {
				names, first[a.Name] = append(names, a.Name), a
			}
		}
	}
	if len(names) == 0 {
		return s.name + " did something that it must not: " + s.reasons(checker.Invalid) + "."
	}
	rank := func(n string) int { // what most people care for most comes first
		if i := slices.Index([]string{"lost-element", "lost-write", "lost-update", "aborted-read", "aborted-element", "stale-read"}, n); i >= 0 {
			return i
		}
		return 99
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	var out []string
	for _, n := range names[:min(len(names), 2)] {
		out = append(out, s.capital(s.did(n, counts[n], first[n]))+".")
	}
	a := first[names[0]]
	example := " For example: " + a.Text
	if a.Key != "" && !strings.Contains(a.Text, a.Key) {
		example = fmt.Sprintf(" For example, key %s: %s", a.Key, a.Text)
	}
	return strings.Join(out, " ") + strings.TrimRight(example, ".") + "."
}

// did says what an anomaly means that was found on n keys.
func (s sentence) did(name string, n int, a checker.Anomaly) string {
	keys := number(n, "key")
	switch name {
	case "stale-read":
		text := s.name + " answered " + number(max(n, int(s.fact("stale reads"))), "read") + " with values that had been overwritten before"
		if d := s.fact("stalest read (seconds)"); d > 0 {
			text = strings.TrimSuffix(text, " before") + " up to " + checker.Took(time.Duration(d*float64(time.Second))) + " before"
		}
		return text
	case "lost-write":
		return s.name + " acknowledged writes that no read showed afterwards, on " + keys
	case "lost-update":
		return s.name + " let two clients change the same value, each told that it was the only one, on " + keys
	case "aborted-read":
		return s.name + " showed values whose writing it had refused, on " + keys
	case "lost-element":
		return s.name + " acknowledged " + number(int(s.fact("lost")), "element") + " that it later lost"
	case "diverged":
		return "after healing, the nodes of " + s.name + " do not agree on " + number(int(s.fact("diverged")), "element")
	case "aborted-element":
		return s.name + " kept " + number(int(s.fact("aborted")), "element") + " whose adding it had refused"
	case "unexpected-element":
		return s.name + " contains " + number(int(s.fact("unexpected")), "element") + " that nobody added"
	case "never-recovered":
		return s.name + " did not come back after the last fault was gone"
	case "nonlinearizable":
		return "what " + s.name + " answered on " + keys + " cannot have happened one operation at a time, in any order"
	case "counter-too-low":
		return s.name + " answered less than had been acknowledged, on " + number(n, "counter")
	case "counter-too-high":
		return s.name + " answered more than anybody tried to add, on " + number(n, "counter")
	case "duplicate-id":
		return s.name + " gave out " + number(int(s.fact("duplicated")), "id") + " twice or more"
	case "wrong-total":
		return s.name + " showed accounts in which there is more or less money than there is in all"
	case "negative-balance":
		return s.name + " showed accounts below zero"
	case "two-holders":
		return s.name + " gave a lock to a client while another one held it, on " + number(n, "lock")
	case "stale-holder-write":
		return s.name + " let clients write under locks that they had lost, on " + number(n, "lock")
	case "token-went-back", "token-reused":
		return s.name + " gave fencing tokens that do not grow, on " + number(n, "lock")
	}
	return s.name + " showed " + number(n, name) + " (" + strings.Join(a.RulesOut, ", ") + " ruled out)"
}

func (s sentence) valid() string {
	var say []string
	if ops := s.fact("operations"); ops > 0 {
		say = append(say, fmt.Sprintf("all %s on %s fit one order", number(int(ops), "operation"), number(int(s.fact("keys")), "key")))
	}
	if n := s.fact("acknowledged"); n > 0 {
		say = append(say, fmt.Sprintf("all %s were there in the end, on every node", number(int(n), "acknowledged element")))
	}
	for _, f := range []struct{ fact, noun, says string }{
		{"reads of counters", "read", "all %s of counters fit what was added"},
		{"ids given out", "id", "all %s that were given out are different"},
		{"reads of accounts", "read", "all %s of accounts saw the same total"},
		{"locks acquired", "acquire", "none of %s of locks broke a rule"},
	} {
		if n := s.fact(f.fact); n > 0 {
			say = append(say, fmt.Sprintf(f.says, number(int(n), f.noun)))
		}
	}
	if n := s.windows(); n > 0 {
		say = append(say, fmt.Sprintf("%s seen to be in force, and clients were busy on each side", plural(n, "fault was", "faults were")))
	}
	if len(say) == 0 {
		return "nothing wrong was found with " + s.name + "."
	}
	return "nothing wrong was found with " + s.name + ": " + strings.Join(say, "; ") + "."
}

// windows is how many windows coverage saw.
func (s sentence) windows() int {
	for _, r := range s.rs {
		if ws, ok := r.Facts["windows"].([]any); ok {
			return len(ws)
		}
	}
	return 0
}

// fact is the sum of a number over the checkers. Facts came through JSON.
func (s sentence) fact(name string) (sum float64) {
	for _, r := range s.rs {
		if f, ok := r.Facts[name].(float64); ok {
			sum += f
		}
	}
	return sum
}

func number(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s + " " + many
}
