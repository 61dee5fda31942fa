package findings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
)

// Result is what one seed of a row came to.
type Result struct {
	Row       string          `json:"row"`
	Seed      uint64          `json:"seed"`
	Command   string          `json:"command"` // that repeats it
	Verdict   checker.Verdict `json:"verdict"`
	Anomalies []string        `json:"anomalies,omitempty"` // every name that was given
	Again     checker.Verdict `json:"again,omitempty"`     // of the second judgement
	Dir       string          `json:"dir"`
	Summary   string          `json:"summary"`
}

// Agrees reports whether a result is what its row expects.
func (r Row) Agrees(x Result) bool {
	named := func(names []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(x.Anomalies, n) })
	}
	switch {
	case x.Verdict != r.Expect, named(r.Never), r.Expect == checker.Invalid && !named(r.Anomalies):
		return false
	}
	return r.Again == nil || x.Again == r.Again.Expect
}

// Line is what all seeds of a row came to.
type Line struct {
	Row
	Seeds, Agreeing int
	Found           []string // every anomaly that was named, sorted
	Verdicts        map[checker.Verdict]int
}

// Reproduced reports whether enough seeds agree: all of a control, nine of ten of a finding, one of a rare one.
func (l Line) Reproduced() bool {
	switch {
	case l.Seeds == 0:
		return false
	case l.Expect == checker.Valid:
		return l.Agreeing == l.Seeds
	case l.Rare:
		return l.Agreeing > 0
	}
	return l.Agreeing*10 >= l.Seeds*9
}

// Sum joins results to lines, in the order of the rows.
func Sum(rows []Row, results []Result) []Line {
	lines := make([]Line, len(rows))
	for i, r := range rows {
		l := &lines[i]
		l.Row, l.Verdicts = r, map[checker.Verdict]int{}
		for _, x := range results {
			if x.Row != r.Name {
				continue
			}
			l.Seeds++
			l.Verdicts[x.Verdict]++
			l.Found = append(l.Found, x.Anomalies...)
			if r.Agrees(x) {
				l.Agreeing++
			}
		}
		slices.Sort(l.Found)
		l.Found = slices.Compact(l.Found)
	}
	return lines
}

// The names of the two files that a table is kept in.
const (
	JSONFile     = "findings.json"
	MarkdownFile = "findings.md"
)

// Load reads what earlier seeds came to; nothing when there is no file yet.
func Load(dir string) ([]Result, error) {
	b, err := os.ReadFile(filepath.Join(dir, JSONFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var results []Result
	if err == nil {
		err = json.Unmarshal(b, &results)
	}
	if err != nil {
		return nil, fmt.Errorf("read what was found before, %s: %w: remove it to begin anew", filepath.Join(dir, JSONFile), err)
	}
	return results, nil
}

// Save writes both files. Each is whole at every moment.
func Save(dir string, rows []Row, results []Result) error {
	b, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the findings: %w", err)
	}
	for name, text := range map[string][]byte{JSONFile: append(b, '\n'), MarkdownFile: []byte(Markdown(Sum(rows, results)))} {
		half := filepath.Join(dir, "."+name+".tmp")
		if err := errors.Join(os.WriteFile(half, text, 0o644), os.Rename(half, filepath.Join(dir, name))); err != nil {
			return fmt.Errorf("write the findings: %w", err)
		}
	}
	return nil
}

// Markdown is the table as a page shows it.
func Markdown(lines []Line) string {
	var b strings.Builder
	b.WriteString("| row | what | expected | found | seeds that agree |\n| --- | --- | --- | --- | --- |\n")
	for _, l := range lines {
		if l.Seeds == 0 {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %d of %d |\n", l.Name, strings.ReplaceAll(l.What, "|", "\\|"), l.Wanted(), l.Came(), l.Agreeing, l.Seeds)
	}
	return b.String()
}

// Wanted is what a row expects, in words.
func (r Row) Wanted() string {
	s := r.Verdict
	if len(r.Anomalies) > 0 {
		s += ": " + strings.Join(r.Anomalies, " or ")
	}
	if r.Again != nil {
		var ps []string
		for k, v := range r.Again.Params {
			ps = append(ps, k+"="+v)
		}
		slices.Sort(ps)
		s += fmt.Sprintf("; with %s %s", strings.Join(ps, " "), r.Again.Verdict)
	}
	return s
}

// Came is what the seeds of a row came to, in words.
func (l Line) Came() string {
	var vs []string
	for _, v := range []checker.Verdict{checker.Invalid, checker.Unknown, checker.Inconclusive, checker.Valid} {
		if n := l.Verdicts[v]; n == l.Seeds {
			vs = append(vs, v.String())
		} else if n > 0 {
			vs = append(vs, fmt.Sprintf("%d %s", n, v))
		}
	}
	s := strings.Join(vs, ", ")
	if len(l.Found) > 0 {
		s += ": " + strings.Join(l.Found, ", ")
	}
	return s
}
