package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

// Case is one verdict of many, for the formats of CI.
type Case struct {
	Path    string     // of the run's folder or the history file
	Meta    store.Meta // zero for a lone history file
	Verdict store.Verdict
}

// name is what was tested, or the file.
func (c Case) name() string {
	if c.Meta.Target == "" {
		return c.Path
	}
	faults := "none"
	if len(c.Meta.Faults) > 0 {
		faults = strings.Join(c.Meta.Faults, "+")
	}
	return strings.TrimSpace(c.Meta.Target + " " + c.Meta.Workload + " " + faults)
}

// GitHub writes an annotation for each verdict, as GitHub Actions reads them from a step's output: an error for what is invalid,
// a warning for what nobody can say, a notice for what is valid. What a server said can neither begin a command of its own
// nor end this one.
func GitHub(w io.Writer, cases []Case) error {
	var b strings.Builder
	for _, c := range cases {
		level := map[checker.Verdict]string{checker.Valid: "notice", checker.Invalid: "error"}[c.Verdict.Verdict]
		if level == "" {
			level = "warning"
		}
		text := clip(summary(c.Verdict), 1000)
		for _, e := range c.Verdict.Errors {
			text += "\nThe run itself: " + clip(e, 300)
		}
		if command := cmpOr(c.Meta.Command, c.Verdict.Command); command != "" {
			text += "\nRepeat: " + command
		}
		fmt.Fprintf(&b, "::%s title=%s::%s\n", level, annotationTitle.Replace(plain(clip(wordsFor(c.Verdict.Verdict).Word+" "+c.name(), 200))), annotationText.Replace(text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// The escapes of workflow commands.
var (
	annotationText  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationTitle = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// Markdown writes a summary of verdicts for the page of a CI job: a table, and below it the reasons of those that are not valid.
func Markdown(w io.Writer, cases []Case) error {
	var b strings.Builder
	b.WriteString("### Partita\n\n| | what | verdict | checks | seed |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range cases {
		var checks []string
		for _, k := range c.Verdict.Checkers {
			checks = append(checks, wordsFor(k.Verdict).Sign+" "+k.Name)
		}
		seed := ""
		if s := max(c.Meta.Seed, c.Verdict.Seed); s != 0 {
			seed = fmt.Sprint(s)
		}
		fmt.Fprintf(&b, "| %s | %s | **%s** | %s | %s |\n", wordsFor(c.Verdict.Verdict).Sign, markdown(c.name(), 200), c.Verdict.Verdict, markdown(strings.Join(checks, ", "), 400), seed)
	}
	for _, c := range cases {
		fmt.Fprintf(&b, "\n**%s**: %s\n", markdown(c.name(), 200), markdown(summary(c.Verdict), 1500))
		for _, e := range c.Verdict.Errors {
			fmt.Fprintf(&b, "\n* the run itself: %s\n", markdown(e, 500))
		}
		for _, k := range c.Verdict.Checkers {
			if k.Verdict != checker.Valid {
				fmt.Fprintf(&b, "\n* %s: %s\n", markdown(k.Name, 60), markdown(k.Reason, 500))
			}
		}
		if says := power(c.Verdict); says != "" {
			fmt.Fprintf(&b, "\n%s\n", markdown(says, 500))
		}
		if command := cmpOr(c.Meta.Command, c.Verdict.Command); command != "" {
			fmt.Fprintf(&b, "\n    %s\n", plain(clip(command, 1000)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown makes a text one line that means only itself.
func markdown(s string, n int) string {
	var b strings.Builder
	for _, r := range plain(clip(s, n)) {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case strings.ContainsRune("\\`*_{}[]()#+!|~@", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
