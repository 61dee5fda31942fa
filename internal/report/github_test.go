package report

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

func ciCases() []Case {
	result := func(name string, v checker.Verdict, reason string) store.CheckerResult {
		return store.CheckerResult{Name: name, Result: checker.Result{Verdict: v, Reason: reason}}
	}
	meta := store.Meta{Target: "etcd", Workload: "register", Faults: []string{"partition:primaries", "kill"}, Seed: 7, Command: "partita test etcd --seed 7"}
	return []Case{
		{Path: "runs/a", Meta: meta, Verdict: store.Verdict{Verdict: checker.Valid, Summary: "Nothing wrong was found with etcd.", Checkers: []store.CheckerResult{result("stats", checker.Valid, "")}}},
		{Path: "runs/b", Meta: meta, Verdict: store.Verdict{Verdict: checker.Invalid, Summary: "etcd lost 100 % of it.\n::error::I am a server",
			Checkers: []store.CheckerResult{result("set", checker.Invalid, "<img src=x> | lost `one`\n\n# big")}}},
		{Path: "../h/x.jsonl", Verdict: store.Verdict{Verdict: checker.Unknown, Errors: []string{"x.jsonl:2: expected an object"}}},
		{Path: "runs/d", Meta: meta, Verdict: store.Verdict{Verdict: checker.Inconclusive, Checkers: []store.CheckerResult{result("coverage", checker.Inconclusive, "no probe saw it")}}},
	}
}

func TestGitHubAnnotations(t *testing.T) {
	var b bytes.Buffer
	if err := GitHub(&b, ciCases()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"::notice title=VALID etcd register partition%3Aprimaries+kill::Nothing wrong was found with etcd.%0ARepeat: partita test etcd --seed 7",
		"::error title=INVALID etcd register partition%3Aprimaries+kill::etcd lost 100 %25 of it.%0A::error::I am a server%0ARepeat: partita test etcd --seed 7",
		"::warning title=UNKNOWN ../h/x.jsonl::Nobody can say: a check did not finish.%0AThe run itself: x.jsonl:2: expected an object",
		"::warning title=INCONCLUSIVE etcd register partition%3Aprimaries+kill::Too little was really tested to say anything.%0ARepeat: partita test etcd --seed 7",
		"",
	}
	if got := strings.Split(b.String(), "\n"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", b.String(), strings.Join(want, "\n"))
	}
}

func TestMarkdownSummary(t *testing.T) {
	var b bytes.Buffer
	if err := Markdown(&b, ciCases()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"| ✓ | etcd register partition:primaries\\+kill | **valid** | ✓ stats | 7 |\n",
		"| ✗ | etcd register partition:primaries\\+kill | **invalid** | ✗ set | 7 |\n",
		"| ? | ../h/x.jsonl | **unknown** |  |  |\n",
		"* set: &lt;img src=x&gt; \\| lost \\`one\\`  \\# big\n",
		"* the run itself: x.jsonl:2: expected an object\n", "    partita test etcd --seed 7\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "<img") || strings.Contains(text, "\n# ") || strings.Contains(text, "\n::") {
		t.Errorf("a server's words mean something:\n%s", text)
	}
}

func TestJUnitOfMany(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJUnit(&b, ciCases()); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Suites) != 4 {
		t.Fatal(b.String())
	}
	for i, want := range []struct {
		name                    string
		tests, failures, errors int
	}{
		{"etcd register partition:primaries+kill", 1, 0, 0}, {"etcd register partition:primaries+kill", 1, 1, 0},
		{"../h/x.jsonl", 1, 0, 1}, {"etcd register partition:primaries+kill", 1, 0, 1},
	} {
		if s := got.Suites[i]; s.Name != want.name || s.Tests != want.tests || s.Failures != want.failures || s.Errors != want.errors {
			t.Errorf("%+v, want %+v", s, want)
		}
	}
	if class := got.Suites[2].Cases[0].Class; class != "partita.h.x_jsonl" {
		t.Errorf("class %q", class)
	}
}
