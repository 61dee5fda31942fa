package store

import (
	"encoding/json"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// Names of the files of a run's folder.
const (
	MetaFile    = "meta.json"
	HistoryFile = "history.jsonl"
	HistoryZst  = "history.jsonl.zst"
	FaultsFile  = "faults.json"
	VerdictFile = "verdict.json"
	JUnitFile   = "junit.xml"
	ReportFile  = "report.html"
	ReproFile   = "repro.sh"
	LogFile     = "controller.log"
	LogsDir     = "logs"
	DataDir     = "data"
)

// Meta is meta.json: everything needed to repeat the run.
type Meta struct {
	RunID     string            `json:"run-id"`
	Version   string            `json:"version"` // Partita's
	Go        string            `json:"go"`
	Target    string            `json:"target"`
	Workload  string            `json:"workload"`
	Faults    []string          `json:"faults"`
	Seed      uint64            `json:"seed"`
	Command   string            `json:"command"` // exactly what repeats it
	Started   time.Time         `json:"started"` // wall clock, for people; orders nothing
	Ended     time.Time         `json:"ended,omitzero"`
	Nodes     []string          `json:"nodes"`
	Provider  string            `json:"provider"`
	Cluster   string            `json:"cluster"`
	Image     string            `json:"image,omitempty"`    // digest
	Database  map[string]string `json:"database,omitempty"` // node → version, as the database says it
	Workers   int               `json:"workers"`
	TimeLimit time.Duration     `json:"time-limit"`
	OpTimeout time.Duration     `json:"op-timeout"`
	Interval  time.Duration     `json:"interval"`
	Rate      float64           `json:"rate"`
	Params    history.Params    `json:"params,omitempty"`
	Checkers  []string          `json:"checkers"`
	Phases    []Phase           `json:"phases,omitempty"` // how long each took
}

// Phase is one part of a run: "cluster up", "set-up", "warm-up", "main", "heal", "final", "logs", "check", "down".
type Phase struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
	Err  string        `json:"error,omitempty"`
}

// Faults is faults.json.
type Faults struct {
	Plan    history.Plan     `json:"plan"`
	Windows []history.Window `json:"windows"`
}

// CheckerResult is one checker's result in verdict.json.
type CheckerResult struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
	checker.Result
}

// Verdict is verdict.json.
type Verdict struct {
	Verdict  checker.Verdict `json:"verdict"`
	Summary  string          `json:"summary"` // the verdict as a sentence for somebody who never heard of linearizability
	Checkers []CheckerResult `json:"checkers"`
	Ops      Counts          `json:"ops"`
	Seed     uint64          `json:"seed,omitempty"`
	Command  string          `json:"command,omitempty"`
	Errors   []string        `json:"errors,omitempty"` // of the run itself: a phase that failed
}

// Counts are completions by outcome.
type Counts struct {
	OK   int64 `json:"ok"`
	Fail int64 `json:"fail"`
	Info int64 `json:"info"`
}

// JSON gives any of the files as it stands on disk.
func JSON(x any) ([]byte, error) {
	b, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
