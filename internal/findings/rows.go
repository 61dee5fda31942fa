package findings

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

//go:embed findings.yaml
var ours []byte

// Row is one line of the table.
type Row struct {
	Name      string          `yaml:"name"`   // unique: "postgresql-append-read-committed"
	Target    string          `yaml:"target"` // "postgresql"
	What      string          `yaml:"what"`   // in words
	Args      []string        `yaml:"args"`   // of partita test, behind the target
	Expect    checker.Verdict `yaml:"-"`
	Verdict   string          `yaml:"expect"`    // valid or invalid
	Anomalies []string        `yaml:"anomalies"` // one of these is named, when it must be invalid
	Never     []string        `yaml:"never"`     // and none of these
	Rare      bool            `yaml:"rare"`      // one seed that finds it is enough
	ControlOf string          `yaml:"control-of"`
	Again     *Again          `yaml:"again"`
}

// Again is a second judgement of the same history.
type Again struct {
	Params  history.Params  `yaml:"params"` // of the checkers, beside the run's
	Expect  checker.Verdict `yaml:"-"`
	Verdict string          `yaml:"expect"`
}

// Rows reads a table from a file, or the one that comes with the program without a name. Errors name the file and the row, and
// the line where YAML itself is wrong.
func Rows(name string) ([]Row, error) {
	b := ours
	if name != "" {
		var err error
		if b, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("read the table of findings: %w", err)
		}
	}
	rows, err := read(b)
	if err != nil {
		return nil, fmt.Errorf("read the table of findings %s: %w", name, err)
	}
	return rows, nil
}

func read(b []byte) ([]Row, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var rows []Row
	if err := d.Decode(&rows); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	names := map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if err := r.check(names); err != nil {
			return nil, fmt.Errorf("row %d (%s): %w", i+1, r.Name, err)
		}
		names[r.Name] = true
	}
	return rows, nil
}

func (r *Row) check(names map[string]bool) error {
	switch {
	case r.Name == "" || r.Target == "" || r.What == "":
		return errors.New("it needs a name, a target and what it is")
	case names[r.Name]:
		return errors.New("there is a row of this name above")
	case r.ControlOf != "" && !names[r.ControlOf]:
		return fmt.Errorf("it is the control of %q, which is no row above", r.ControlOf)
	}
	if err := r.Expect.UnmarshalText([]byte(r.Verdict)); err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	switch r.Expect {
	case checker.Valid:
		if len(r.Anomalies) > 0 || r.Rare {
			return errors.New("a row that must be valid names no anomalies and is not rare")
		}
	case checker.Invalid:
		for _, a := range r.Anomalies {
			if _, ok := checker.Explain(a); !ok {
				return fmt.Errorf("no anomaly %q is known", a)
			}
		}
		if len(r.Anomalies) == 0 {
			return errors.New("a row that must be invalid says by which anomalies")
		}
	default:
		return fmt.Errorf("expect: %s: choose from valid, invalid", r.Verdict)
	}
	if r.Again != nil {
		if err := r.Again.Expect.UnmarshalText([]byte(r.Again.Verdict)); err != nil {
			return fmt.Errorf("again: expect: %w", err)
		}
	}
	return nil
}

// Only gives the rows whose name or target begins with one of some words; all without any. A word that no row begins with is an error.
func Only(rows []Row, words []string) ([]Row, error) {
	if len(words) == 0 {
		return rows, nil
	}
	used := make([]bool, len(words))
	var out []Row
	for _, r := range rows {
		i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(r.Name, w) || r.Target == w })
		if i >= 0 {
			out = append(out, r)
		}
		for j, w := range words {
			used[j] = used[j] || strings.HasPrefix(r.Name, w) || r.Target == w
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		var names []string
		for _, r := range rows {
			names = append(names, r.Name)
		}
		return nil, fmt.Errorf("no row of the findings begins with %q: there are %s", words[i], strings.Join(names, ", "))
	}
	return out, nil
}
