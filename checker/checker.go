package checker

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/partita-dev/partita/history"
)

// Verdict is what a checker says of a history.
type Verdict uint8

// The verdicts, from the one that is said when nothing else was to the worst but one.
const (
	Unknown      Verdict = iota // a checker gave up: time, memory, undecidable
	Inconclusive                // nothing was really tested
	Valid                       // everything was checked and agrees
	Invalid                     // an anomaly was found
)

var verdictNames = [...]string{Unknown: "unknown", Inconclusive: "inconclusive", Valid: "valid", Invalid: "invalid"}

// String gives the verdict as it stands in verdict.json.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return verdictNames[Unknown]
}

// MarshalText writes the verdict's name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a verdict's name; anything else is an error.
func (v *Verdict) UnmarshalText(b []byte) error {
	for i, n := range verdictNames {
		if n == string(b) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q: expected valid, invalid, unknown or inconclusive", b)
}

// Merge gives the worst of the verdicts: invalid > unknown > inconclusive > valid. None at all is Unknown.
func Merge(vs ...Verdict) Verdict {
	rank := func(v Verdict) int {
		switch v {
		case Valid:
			return 1
		case Inconclusive:
			return 2
		case Invalid:
			return 4
		}
		return 3
	}
	if len(vs) == 0 {
		return Unknown
	}
	worst := vs[0]
	for _, v := range vs[1:] {
		if rank(v) > rank(worst) {
			worst = v
		}
	}
	return worst
}

// Input is all that a checker may look at.
type Input struct {
	History *history.View
	Plan    *history.Plan // nil for a lone history file
	Windows []history.Window
	Params  history.Params
	Logs    fs.FS // logs/<node>/…, nil for a lone file
}

// Checker judges a history. It must stop soon after ctx ends, with Unknown.
type Checker interface {
	Check(ctx context.Context, in Input) Result
}

// Func makes a function a Checker.
type Func func(context.Context, Input) Result

// Check calls f.
func (f Func) Check(ctx context.Context, in Input) Result { return f(ctx, in) }

// Result is what a checker found.
type Result struct {
	Verdict   Verdict        `json:"verdict"`
	Reason    string         `json:"reason,omitempty"` // one sentence; always there when the verdict is not valid
	Anomalies []Anomaly      `json:"anomalies,omitempty"`
	Malformed *Malformed     `json:"malformed,omitempty"` // the first event that is none of this checker's; then never Valid
	Facts     map[string]any `json:"facts,omitempty"`     // counts and figures, and "algorithm": what decided
}

// Anomaly is one thing that a correct database would not have done.
type Anomaly struct {
	Name     string   `json:"name"` // from the catalogue: "stale-read", "lost-write"
	Key      string   `json:"key,omitempty"`
	Ops      []int64  `json:"ops"`  // indices of the events that prove it
	Text     string   `json:"text"` // what happened here, in plain words
	RulesOut []string `json:"rules-out,omitempty"`
	Data     any      `json:"data,omitempty"`
}

// Spec is a checker with its name and a sentence that explains it.
type Spec struct {
	Name    string
	Doc     string
	Checker Checker
}
