package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/store"
)

// formats are the values of --format; text is for people.
var formats = []string{"text", "json", "jsonl", "junit", "github"}

const formatHelp = "of the result: text, json, jsonl (an object for each), junit (one document), or github (annotations, and a summary where $GITHUB_STEP_SUMMARY says)"

func checkFormat(s string) error {
	if !slices.Contains(formats, s) {
		return badArguments(fmt.Errorf("--format %q: choose from %s", s, strings.Join(formats, ", ")))
	}
	return nil
}

// batch prints the verdicts of one command in a format for machines: each at once, or, where they make one document, all in the end.
type batch struct {
	format string
	w      io.Writer
	getenv func(string) string
	cases  []report.Case
}

func (a *app) newBatch(format string) *batch {
	return &batch{format: format, w: a.stdout, getenv: os.Getenv}
}

// add takes a verdict; m is zero for a lone history file.
func (b *batch) add(path string, v store.Verdict, m store.Meta) error {
	switch b.format {
	case "json", "jsonl":
		return writeVerdict(b.w, b.format, path, v)
	}
	b.cases = append(b.cases, report.Case{Path: path, Meta: m, Verdict: v})
	return nil
}

// end writes what needs all verdicts.
func (b *batch) end() error {
	switch b.format {
	case "junit":
		return report.WriteJUnit(b.w, b.cases)
	case "github":
		err := report.GitHub(b.w, b.cases)
		if path := b.getenv("GITHUB_STEP_SUMMARY"); path != "" {
			err = errors.Join(err, appendSummary(path, b.cases))
		}
		return err
	}
	return nil
}

// appendSummary adds to the page of a CI job, to which other steps write, too.
func appendSummary(path string, cases []report.Case) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write the summary for GitHub: %w", err)
	}
	if err := errors.Join(report.Markdown(f, cases), f.Close()); err != nil {
		return fmt.Errorf("write the summary for GitHub: %w", err)
	}
	return nil
}

// fileVerdict is what --format json and jsonl print for each file.
type fileVerdict struct {
	File      string                `json:"file"`
	Verdict   checker.Verdict       `json:"verdict"`
	Anomalies []string              `json:"anomalies"`
	Summary   string                `json:"summary,omitempty"`
	Errors    []string              `json:"errors,omitempty"`
	Checkers  []store.CheckerResult `json:"checkers,omitempty"` // json only
}

func writeVerdict(w io.Writer, format, path string, v store.Verdict) error {
	out := fileVerdict{File: path, Verdict: v.Verdict, Anomalies: []string{}, Summary: v.Summary, Errors: v.Errors}
	seen := map[string]bool{}
	for _, c := range v.Checkers {
		for _, an := range c.Anomalies {
			if !seen[an.Name] {
				seen[an.Name] = true
				out.Anomalies = append(out.Anomalies, an.Name)
			}
		}
	}
	enc := json.NewEncoder(w)
	if format == "json" {
		out.Checkers = v.Checkers
		enc.SetIndent("", "  ")
	}
	return enc.Encode(out)
}
