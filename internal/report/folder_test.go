package report

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// folder writes a run's folder as a run does.
func folder(t *testing.T, d Data) *store.Dir {
	t.Helper()
	dir, err := store.Create(t.TempDir(), "etcd", "register", []string{"partition:primaries"}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	var lines []byte
	for o, err := range d.Ops {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(history.AppendJSON(lines, o), '\n')
	}
	for name, x := range map[string]any{store.MetaFile: d.Meta, store.FaultsFile: d.Faults, store.VerdictFile: d.Verdict} {
		if err := dir.WriteJSON(name, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Write(store.HistoryFile, lines); err != nil {
		t.Fatal(err)
	}
	if err := dir.Write("logs/n1/etcd server.log", []byte("hello\n")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, dir *store.Dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir.Path, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// `partita report` draws the same page as the run that wrote it, from the files alone.
func TestTheSameFolderGivesTheSamePage(t *testing.T) {
	dir := folder(t, sampleInvalid())
	var pages []string
	for range 2 {
		if err := Write(dir); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, read(t, dir, store.ReportFile))
	}
	if pages[0] != pages[1] {
		t.Error("the second page differs from the first")
	}
	wantAll(t, pages[0], "INVALID", "began 3.1 s after 17 was gone", "cas 17→21", `href="./logs/n1/etcd%20server.log"`, `"of":9004`)
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	dir := folder(t, sampleValid())
	f, err := os.OpenFile(filepath.Join(dir.Path, store.HistoryFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"index":99999999,"ti`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{store.MetaFile, store.VerdictFile} {
		if err := dir.Root().Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Write(store.FaultsFile, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	wantAll(t, read(t, dir, store.ReportFile), "UNKNOWN", "no readable meta.json", "no readable faults.json", "no readable verdict.json", "in the middle of a line", `"of":9000`)

	if err := dir.Root().Remove(store.HistoryFile); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err == nil || !strings.Contains(err.Error(), "is it a run's folder?") {
		t.Errorf("a folder without history and verdict: %v", err)
	}
}

func TestADamagedHistoryIsShownUpToTheDamage(t *testing.T) {
	dir := folder(t, sampleValid())
	h := read(t, dir, store.HistoryFile)
	lines := strings.SplitAfter(h, "\n")
	lines[1000] = "nonsense\n"
	if err := dir.Write(store.HistoryFile, []byte(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir); err != nil {
		t.Fatal(err)
	}
	wantAll(t, read(t, dir, store.ReportFile), "Reading the history stopped at an error", "history.jsonl:1001")
}

func TestJUnitIsGreenOnlyWhenValid(t *testing.T) {
	for name, c := range map[string]struct {
		d                Data
		failures, errors int
	}{
		"valid":           {sampleValid(), 0, 0},
		"invalid":         {sampleInvalid(), 1, 0},
		"inconclusive":    {sampleInconclusive(), 0, 1},
		"no verdict":      {Data{Meta: sampleMeta()}, 0, 1},
		"valid by nobody": {Data{Verdict: store.Verdict{Verdict: checker.Valid}}, 0, 1},
		"a phase failed": {func() Data {
			d := sampleValid()
			d.Verdict.Verdict, d.Verdict.Errors = checker.Unknown, []string{"final: n3 never became ready"}
			return d
		}(), 0, 1},
		"a phase failed and somebody forgot": {func() Data {
			d := sampleValid()
			d.Verdict.Errors = []string{"final: n3 never became ready \x1b[31m\x00"}
			return d
		}(), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if c.d.Ops == nil {
				c.d.Ops = stream(nil)
			}
			dir := folder(t, c.d)
			if err := JUnit(dir); err != nil {
				t.Fatal(err)
			}
			var s junitSuites
			text := read(t, dir, store.JUnitFile)
			if err := xml.Unmarshal([]byte(text), &s); err != nil {
				t.Fatalf("not XML: %v\n%s", err, text)
			}
			got := s.Suites[0]
			if got.Failures != c.failures || got.Errors != c.errors || got.Tests != len(got.Cases) || got.Tests == 0 {
				t.Errorf("%d tests, %d failures, %d errors; want %d failures, %d errors\n%s", got.Tests, got.Failures, got.Errors, c.failures, c.errors, text)
			}
		})
	}
}

func TestTheTerminalSaysWhatMatters(t *testing.T) {
	d := sampleInvalid()
	a := d.Verdict.Checkers[0].Anomalies[1]
	a.Text = "n1 said \x1b]0;owned\x07 and\nmore"
	for range 5 {
		d.Verdict.Checkers[0].Anomalies = append(d.Verdict.Checkers[0].Anomalies, a)
	}
	var b bytes.Buffer
	if err := Text(&b, "runs/x/report.html", d.Verdict, d.Meta, false); err != nil {
		t.Fatal(err)
	}
	wantAll(t, b.String(), "✗ INVALID  etcd answered 37 reads", "linearizable-register  invalid: 3 of 30 keys", "stats                  valid\n", "stale-read (key r1-demo)",
		"and 3 more in verdict.json", "report: runs/x/report.html", "repeat: partita test etcd", "9,000 operations")
	if strings.ContainsAny(b.String(), "\x1b\x07") {
		t.Error("escape codes without colour")
	}
	b.Reset()
	if err := Text(&b, "", d.Verdict, d.Meta, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[1;31m✗ INVALID\x1b[0m") || strings.Contains(b.String(), "\x1b]0;") || strings.Contains(b.String(), "report:") {
		t.Errorf("colour: %q", b.String())
	}
}
