package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// maxLine bounds one line of a history file, in bytes. A read of a large set is long; this is not a real one any more.
const maxLine = 64 << 20

// zstdMagic begins each compressed file.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Reader reads a history file from its beginning to its end in constant memory.
type Reader struct {
	name  string
	how   Reading
	in    *bufio.Reader
	dec   Decoder
	long  []byte // a line that is longer than in's buffer
	line  int    // of the event that was read last
	torn  bool
	lines int // read so far, of JSON

	frame  *ednFrame // nil for JSON
	edn    ednDecoder
	lacks  int // what the first event of EDN lacks
	events int

	file io.Closer
	zst  *zstd.Decoder
}

// Open opens a history file, plain or compressed (whatever it is called), JSON lines or Jepsen's EDN, strictly.
func Open(path string) (*Reader, error) { return Reading{}.Open(path) }

// NewReader reads a history from anywhere, as Open does; name stands in the errors, and says what it is when it ends as a file of that
// kind does (.jsonl, .edn). Otherwise its beginning says it.
func NewReader(from io.Reader, name string) (*Reader, error) { return Reading{}.NewReader(from, name) }

// Close lets go of the file.
func (r *Reader) Close() error {
	if r.zst != nil {
		r.zst.Close()
	}
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Torn reports, after All ended, that the last line was cut off in the middle, as a crash leaves it. It is not among the events.
func (r *Reader) Torn() bool { return r.torn }

// Line is the number, from 1, of the line on which the event that All gave last begins.
func (r *Reader) Line() int { return r.line }

// All gives the events in their order; it can be used once. An error is the last element, and says file, line and
// what was expected.
func (r *Reader) All() iter.Seq2[Op, error] {
	return func(yield func(Op, error) bool) {
		last := Op{Index: -1}
		for {
			op, missing, err := r.read()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = r.order(&op, missing, last)
			}
			if err != nil {
				yield(Op{}, fmt.Errorf("%s:%d: %w", r.name, r.line, err))
				return
			}
			r.events++
			last = op
			if !yield(op, nil) {
				return
			}
		}
	}
}

// read gives the next event; io.EOF behind the last one.
func (r *Reader) read() (op Op, missing int, err error) {
	if r.frame != nil {
		return r.readEDN()
	}
	r.lines++
	r.line = r.lines
	line, whole, err := r.next()
	if err != nil {
		return op, 0, err
	}
	if r.how.Loose {
		op, missing, err = r.dec.decodeLoose(line)
	} else {
		op, err = r.dec.Decode(line)
	}
	if err != nil && !whole && r.isTorn(line) {
		r.torn = true
		return op, 0, io.EOF
	}
	return op, missing, err
}

func (r *Reader) readEDN() (op Op, missing int, err error) {
	form, line, err := r.frame.next()
	r.line = line
	if errors.Is(err, errEDNEnd) && r.frame.around == 0 && !bytes.ContainsRune(form, '\n') {
		r.torn = true
		return op, 0, io.EOF
	}
	if err != nil {
		return op, 0, err
	}
	return r.edn.decode(form)
}

// order holds an event against the one before, and gives it what it lacks.
func (r *Reader) order(op *Op, missing int, last Op) error {
	if r.events == 0 {
		r.lacks = missing
	}
	if r.how.Loose {
		if missing&hasIndex != 0 || op.Index <= last.Index {
			op.Index = last.Index + 1
		}
		op.Time = max(op.Time, last.Time)
		return nil
	}
	if missing != r.lacks {
		for _, n := range needed[:2] {
			switch {
			case missing&n.bit > r.lacks&n.bit:
				return fmt.Errorf("expected a field :%s, as the operations before have it (--loose takes the file's order)", n.name)
			case missing&n.bit < r.lacks&n.bit:
				return fmt.Errorf("expected no field :%s, as the operations before have none (--loose takes the file's order)", n.name)
			}
		}
	}
	if missing&hasIndex != 0 {
		op.Index = last.Index + 1
	}
	if missing&hasTime != 0 {
		op.Time = last.Time
	}
	switch {
	case op.Index <= last.Index:
		return fmt.Errorf("expected an index above %d, as on the line before, found %d", last.Index, op.Index)
	case op.Time < last.Time:
		return fmt.Errorf("expected a time of %d or later, as on the line before, found %d (--loose allows it)", last.Time, op.Time)
	}
	return nil
}

// isTorn reports whether the last line, which has no end, is the beginning of a good one. A crash of the machine
// can leave zeros behind it, and it can end within a letter.
func (r *Reader) isTorn(line []byte) bool {
	line = bytes.TrimRight(line, "\x00")
	for n := 1; n < utf8.UTFMax && n <= len(line); n++ {
		if tail := line[len(line)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				line = line[:len(line)-n]
			}
			break
		}
	}
	_, err := r.dec.Decode(line)
	return err == nil || errors.Is(err, errEnd)
}

// next gives the next line without its end, and whether it had one. The bytes are good until the next call.
func (r *Reader) next() (line []byte, whole bool, err error) {
	r.long = r.long[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.long)+len(part) > maxLine {
			return nil, false, fmt.Errorf("expected a line of at most %d MiB", maxLine>>20)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			r.long = append(r.long, part...)
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, false, fmt.Errorf("read on: %w", err)
		}
		if len(r.long) > 0 {
			r.long = append(r.long, part...)
			part = r.long
		}
		if err != nil {
			if len(part) == 0 {
				return nil, false, io.EOF
			}
			return part, false, nil
		}
		return part[:len(part)-1], true, nil
	}
}

// ReadAll reads a whole history file into memory, strictly. torn says that its last line was cut off and left out.
func ReadAll(path string) (ops []Op, torn bool, err error) { return Reading{}.ReadAll(path) }
