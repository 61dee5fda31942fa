package judge

import (
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// ChildCommand is the hidden first argument that makes the program a child of Run: it then calls ChildMain.
const ChildCommand = "check-child"

// ChildEnv is set to "1" in a child's environment, for programs (test binaries) that cannot look at their arguments.
const ChildEnv = "PARTITA_CHECK_CHILD"

// Limits that hold when a Request names none.
const (
	DefaultTimeout = 5 * time.Minute
	DefaultMemory  = 4 << 30
)

// Request says what is to be judged.
type Request struct {
	Names   []string        // the checkers, in the order of the results
	RunDir  string          // a run's folder, or
	History string          // a lone history file: no plan, no windows, and no coverage
	Reading history.Reading // how the lone file is to be taken
	Params  history.Params  // beside those of the run's meta.json, and before them
	Timeout time.Duration   // for each checker, reading the history included; 0: DefaultTimeout
	Memory  int64           // bytes that the child may have resident; 0: DefaultMemory
}

// order is what a child gets on its stdin: one JSON object.
type order struct {
	Names   []string        `json:"names"`
	RunDir  string          `json:"run-dir,omitempty"`
	History string          `json:"history,omitempty"`
	Reading history.Reading `json:"reading"`
	Params  history.Params  `json:"params,omitempty"`
	Timeout time.Duration   `json:"timeout"`
	Memory  int64           `json:"memory"`
}

// message is one line of a child's stdout.
type message struct {
	Begin  string               `json:"begin,omitempty"`  // a checker is at work now
	Result *store.CheckerResult `json:"result,omitempty"` // and that is what it found
	Error  string               `json:"error,omitempty"`  // the input cannot be read: nothing can be judged
}
