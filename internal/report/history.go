package report

import (
	"iter"

	"github.com/partita-dev/partita/history"
)

// fileOps goes through a history file, again from its beginning each time it is asked, in constant memory.
type fileOps struct {
	path string
	torn bool // its last line was cut off; known after the first time through
}

func (f *fileOps) all() iter.Seq2[history.Op, error] {
	return func(yield func(history.Op, error) bool) {
		r, err := history.Open(f.path)
		if err != nil {
			yield(history.Op{}, err)
			return
		}
		defer func() { _ = r.Close() }() // it was only read
		for op, err := range r.All() {
			if !yield(op, err) {
				return
			}
		}
		f.torn = r.Torn()
	}
}

func (f *fileOps) isTorn() bool { return f.torn }
