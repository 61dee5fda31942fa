package checker

import "fmt"

// Malformed says which event of a history is none of the history that a checker judges: an operation that the object does
// not have, or a value of another shape. It is no anomaly, and a verdict it never is: the checker's Result is Unknown (or
// Invalid for what was found elsewhere), and carries it, so that whoever has the file can name the line.
type Malformed struct {
	Index int64  `json:"index"` // of the event
	Text  string `json:"text"`  // what stands there, and what was expected
}

// Error names the event and what was expected.
func (m *Malformed) Error() string { return fmt.Sprintf("index %d: %s", m.Index, m.Text) }

// malformed makes the error of one event.
func malformed(index int64, format string, args ...any) error {
	return &Malformed{index, fmt.Sprintf(format, args...)}
}
