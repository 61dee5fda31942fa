package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

// TestACleanRunSaysWhatItExcludes: in the text and on the page, and only where everything is valid.
func TestACleanRunSaysWhatItExcludes(t *testing.T) {
	const says = "A clean run like this one excludes <little>."
	coverage := store.CheckerResult{Name: "coverage", Result: checker.Result{Verdict: checker.Valid, Facts: map[string]any{"power": checker.Power{Says: says}}}}
	for _, c := range []struct {
		v    checker.Verdict
		want int
	}{{checker.Valid, 1}, {checker.Invalid, 0}, {checker.Unknown, 0}, {checker.Inconclusive, 0}} {
		v := store.Verdict{Verdict: c.v, Checkers: []store.CheckerResult{coverage}}
		var text bytes.Buffer
		if err := Text(&text, "", v, store.Meta{}, false); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(text.String(), says); got != c.want {
			t.Errorf("%s: the text says it %d times:\n%s", c.v, got, text.String())
		}
		page, err := Build(Data{Verdict: v})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(page), `<p class="power">A clean run like this one excludes &lt;little&gt;.</p>`); got != c.want {
			t.Errorf("%s: the page says it %d times", c.v, got)
		}
	}
	// What came through JSON and what a stranger's file says in its place.
	for _, x := range []any{map[string]any{"says": says}, map[string]any{"says": 7}, "says", nil, []any{1}} {
		v := store.Verdict{Verdict: checker.Valid, Checkers: []store.CheckerResult{{Name: "coverage", Result: checker.Result{Facts: map[string]any{"power": x}}}}}
		if got := power(v); got != "" && got != says {
			t.Errorf("%v: %q", x, got)
		}
	}
}
