package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// verdictWords is a verdict for people: a sign that needs no colour, and what it means.
type verdictWords struct{ Sign, Word, Means, Default string }

func wordsFor(v checker.Verdict) verdictWords {
	switch v {
	case checker.Valid:
		return verdictWords{"✓", "VALID", "Everything was checked, and the history agrees with what is expected.",
			"No anomaly was found."}
	case checker.Invalid:
		return verdictWords{"✗", "INVALID", "What is expected did not hold, and the operations below prove it.",
			"The history contradicts what is expected."}
	case checker.Inconclusive:
		return verdictWords{"∅", "INCONCLUSIVE", "No anomaly was found, but too little was really tested to say that there is none.",
			"Too little was really tested to say anything."}
	}
	return verdictWords{"?", "UNKNOWN", "The check did not finish, or the run did not. This says neither that the database is right nor that it is wrong.",
		"Nobody can say: a check did not finish."}
}

// summary gives the verdict's sentence, and one that says no more than the verdict when none was written.
func summary(v store.Verdict) string {
	if v.Summary != "" {
		return v.Summary
	}
	return wordsFor(v.Verdict).Default
}

// firstSentence takes the first sentence off a text.
func firstSentence(s string) (first, rest string) {
	for i := range s {
		if tail, ok := strings.CutPrefix(s[i:], ". "); ok && tail != "" && i > 0 {
			if r, _ := utf8.DecodeRuneInString(tail); unicode.IsLetter(r) {
				return s[:i+1], tail
			}
		}
	}
	return s, ""
}

// expectation says what a checker expects, for somebody who does not know its name; "" when there are no words for it.
func expectation(name string) string {
	switch {
	case strings.HasPrefix(name, "linearizable"):
		return "All clients together see one copy of the data: each operation takes effect at one instant between its call and its answer, so a read gives the latest value that was written before it."
	case name == "set" || name == "set-full":
		return "Every element whose add was acknowledged is in the final read of every node, and nothing is there that nobody added."
	case name == "coverage":
		return "Each planned fault was seen by a probe, and clients kept trying on every side of it."
	case name == "recovery":
		return "When the last fault is gone, every node serves again, and goes on serving."
	case name == "stats":
		return "Each kind of operation succeeds at least once."
	}
	return ""
}

// dur writes a duration the way a person reads it: 0.42 ms, 3.1 s, 2 min 5 s.
func dur(d time.Duration) string {
	switch {
	case d < 0:
		return "–" + dur(-d)
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return trimZeros(float64(d)/1e6, 3) + " ms"
	case d < time.Second:
		return trimZeros(float64(d)/1e6, 1) + " ms"
	case d < time.Minute:
		return trimZeros(d.Seconds(), 2) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

func trimZeros(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// at writes a moment of the run: seconds since it began, to the millisecond.
func at(t time.Duration) string { return fmt.Sprintf("%.3f s", t.Seconds()) }

// count writes a number with separators.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes "1 window", "3 windows".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(int64(n)) + " " + one + "s"
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := 0
	for i := range s {
		if r == n-1 {
			return s[:i] + "…"
		}
		r++
	}
	return s
}

// plain makes a text safe for a terminal and for one line: no control characters, nothing that turns the
// direction of writing.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError:
			return '�'
		}
		return r
	}, s)
}

// opWords writes an operation with its argument and answer: "write 21", "read → 17", "cas 17 → 21".
func opWords(p opPair, n int) string {
	arg, ans := p.Inv.Value, p.Done.Value
	f := plain(clip(p.Inv.F, 24))
	if a, b, ok := arg.Pair(); ok && p.Inv.F == "cas" {
		return f + " " + clip(plain(a.JSON()), n/2) + "→" + clip(plain(b.JSON()), n/2)
	}
	s := f
	if !arg.IsNil() {
		s += " " + clip(plain(arg.JSON()), n)
	}
	reads := strings.HasPrefix(p.Inv.F, "read")
	switch {
	case p.Done.Type == history.OK && ans.IsNil() && (reads || arg.IsNil()):
		s += " → nil" // as the anomalies' words have it
	case p.Done.Type == history.OK && (reads || !ans.IsNil() && ans != arg):
		s += " → " + clip(plain(ans.JSON()), n)
	}
	return s
}

// hoverText is all about one operation in a line.
func hoverText(p opPair, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d · p%d", p.Inv.Index, p.Inv.Process)
	if p.Inv.Node != "" {
		b.WriteString(" @ " + clip(plain(p.Inv.Node), 24))
	}
	if p.Inv.Key != "" {
		b.WriteString(" · key " + clip(plain(p.Inv.Key), 24))
	}
	b.WriteString(" · " + opWords(p, n))
	if e := p.Done.Err; !e.IsZero() {
		b.WriteString(" · " + clip(plain(e.String()), n))
	}
	if p.Open {
		b.WriteString(" · never completed")
	}
	return b.String()
}
