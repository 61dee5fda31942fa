package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

// maxTextAnomalies is how many anomalies Text prints.
const maxTextAnomalies = 5

// Text prints a verdict for a terminal: the verdict in words, a line for each checker, the first anomalies, where the
// report is and the command that repeats the run. page is the path of the report, "" for none. With colour it
// writes escape codes, around its own words only: what a server said is stripped of control characters.
func Text(w io.Writer, page string, v store.Verdict, m store.Meta, colour bool) error {
	paint := func(class checker.Verdict, s string) string {
		if !colour {
			return s
		}
		code := map[checker.Verdict]string{checker.Valid: "32", checker.Invalid: "31"}[class]
		if code == "" {
			code = "33"
		}
		return "\x1b[1;" + code + "m" + s + "\x1b[0m"
	}
	var b strings.Builder
	words := wordsFor(v.Verdict)
	fmt.Fprintf(&b, "%s  %s\n\n", paint(v.Verdict, words.Sign+" "+words.Word), plain(clip(summary(v), 1000)))
	width := 0
	for _, c := range v.Checkers {
		width = max(width, len(plain(clip(c.Name, 40))))
	}
	for _, c := range v.Checkers {
		fmt.Fprintf(&b, "  %s %-*s  %s", paint(c.Verdict, wordsFor(c.Verdict).Sign), width, plain(clip(c.Name, 40)), c.Verdict)
		if c.Reason != "" && c.Verdict != checker.Valid {
			b.WriteString(": " + plain(clip(c.Reason, 300)))
		}
		b.WriteByte('\n')
	}
	all := anomaliesOf(v)
	for i, a := range all {
		if i == maxTextAnomalies {
			fmt.Fprintf(&b, "\n  and %s more in %s\n", count(int64(len(all)-i)), store.VerdictFile)
			break
		}
		fmt.Fprintf(&b, "\n  %s", paint(checker.Invalid, plain(a.Name)))
		if a.Key != "" {
			fmt.Fprintf(&b, " (key %s)", plain(clip(a.Key, 80)))
		}
		fmt.Fprintf(&b, "\n    %s\n", plain(clip(a.Text, 500)))
	}
	for _, e := range v.Errors {
		fmt.Fprintf(&b, "\n  the run itself: %s\n", plain(clip(e, 500)))
	}
	fmt.Fprintf(&b, "\n  %s operations: %s ok, %s fail, %s info\n", count(v.Ops.OK+v.Ops.Fail+v.Ops.Info), count(v.Ops.OK), count(v.Ops.Fail), count(v.Ops.Info))
	if says := power(v); says != "" {
		fmt.Fprintf(&b, "  %s\n", plain(clip(says, 500)))
	}
	if page != "" {
		fmt.Fprintf(&b, "  report: %s\n", page)
	}
	command := cmpOr(m.Command, v.Command)
	if command != "" {
		fmt.Fprintf(&b, "  repeat: %s\n", plain(command))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
