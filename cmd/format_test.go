package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/store"
)

func TestABatchPrintsEachFormat(t *testing.T) {
	summary := filepath.Join(t.TempDir(), "summary.md")
	if err := os.WriteFile(summary, []byte("another step's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	meta := store.Meta{Target: "etcd", Workload: "set", Command: "partita test etcd"}
	for format, want := range map[string][]string{
		"json":   {"  \"file\": \"runs/a\",\n", `"verdict": "valid"`, `"lost-element"`, `"checkers"`},
		"jsonl":  {`{"file":"runs/a","verdict":"valid","anomalies":[]}`, `{"file":"b.jsonl","verdict":"invalid","anomalies":["lost-element"],"errors":["oh"]}`},
		"junit":  {"<?xml", `name="etcd set none"`, `name="b.jsonl"`, "<failure type=\"invalid\""},
		"github": {"::notice title=VALID etcd set none::", "::error title=INVALID b.jsonl::"},
	} {
		var out bytes.Buffer
		a := &app{stdout: &out}
		b := a.newBatch(format)
		b.getenv = func(k string) string {
			if k != "GITHUB_STEP_SUMMARY" {
				t.Errorf("read %s", k)
			}
			return summary
		}
		lost := checker.Result{Verdict: checker.Invalid, Reason: "r", Anomalies: []checker.Anomaly{{Name: "lost-element"}, {Name: "lost-element"}}}
		if err := b.add("runs/a", store.Verdict{Verdict: checker.Valid}, meta); err != nil {
			t.Fatal(err)
		}
		if err := b.add("b.jsonl", store.Verdict{Verdict: checker.Invalid, Errors: []string{"oh"}, Checkers: []store.CheckerResult{{Name: "set", Result: lost}}}, store.Meta{}); err != nil {
			t.Fatal(err)
		}
		if err := b.end(); err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: there is no %q in\n%s", format, w, out.String())
			}
		}
		if n := strings.Count(out.String(), "<testsuites>"); format == "junit" && n != 1 {
			t.Errorf("%d documents of JUnit", n)
		}
	}
	text, err := os.ReadFile(summary)
	if err != nil || !strings.HasPrefix(string(text), "another step's\n### Partita\n") || !strings.Contains(string(text), "| ✗ | b.jsonl | **invalid** |") {
		t.Errorf("%v\n%s", err, text)
	}
	b := (&app{stdout: new(bytes.Buffer)}).newBatch("github")
	b.getenv = func(string) string { return filepath.Join(summary, "not a folder") }
	if err := b.end(); err == nil || !strings.Contains(err.Error(), "summary for GitHub") {
		t.Errorf("a summary that cannot be written: %v", err)
	}
	if err := checkFormat("xml"); err == nil || !strings.Contains(err.Error(), "choose from text, json, jsonl, junit, github") {
		t.Error(err)
	}
}
