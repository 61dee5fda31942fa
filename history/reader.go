package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
)

// maxLine bounds one line of a history file, in bytes. A read of a large set is long; this is not a real one any more.
const maxLine = 64 << 20

// zstdMagic begins each compressed file.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Reader reads a history file from its beginning to its end in constant memory.
type Reader struct {
	name string
	in   *bufio.Reader
	dec  Decoder
	long []byte // a line that is longer than in's buffer
	line int
	torn bool

	file io.Closer
	zst  *zstd.Decoder
}

// Open opens a history file, plain or compressed (whatever it is called).
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	r, err := NewReader(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.file = f
	return r, nil
}

// NewReader reads a history, plain or compressed, from anywhere; name stands in the errors.
func NewReader(from io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, in: bufio.NewReaderSize(from, 256<<10)}
	if head, _ := r.in.Peek(len(zstdMagic)); bytes.Equal(head, zstdMagic) {
		// Decoding on this goroutine leaves none behind. The window is bounded, as the file may be anybody's.
		z, err := zstd.NewReader(r.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, fmt.Errorf("%s: begin to decompress: %w", name, err)
		}
		r.zst, r.in = z, bufio.NewReaderSize(z, 256<<10)
	}
	return r, nil
}

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

// Line is the number, from 1, of the line that All gave last.
func (r *Reader) Line() int { return r.line }

// All gives the events in their order; it can be used once. An error is the last element, and says file, line and
// what was expected.
func (r *Reader) All() iter.Seq2[Op, error] {
	return func(yield func(Op, error) bool) {
		last := Op{Index: -1}
		for {
			line, whole, err := r.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Op{}, err)
				}
				return
			}
			op, err := r.dec.Decode(line)
			if err != nil && !whole && r.isTorn(line) {
				r.torn = true
				return
			}
			switch {
			case err != nil:
			case op.Index <= last.Index:
				err = fmt.Errorf("expected an index above %d, as on the line before, found %d", last.Index, op.Index)
			case op.Time < last.Time:
				err = fmt.Errorf("expected a time of %d or later, as on the line before, found %d", last.Time, op.Time)
			}
			if err != nil {
				yield(Op{}, fmt.Errorf("%s:%d: %w", r.name, r.line, err))
				return
			}
			last = op
			if !yield(op, nil) {
				return
			}
		}
	}
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
	r.line++
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.long)+len(part) > maxLine {
			return nil, false, fmt.Errorf("%s:%d: expected a line of at most %d MiB", r.name, r.line, maxLine>>20)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			r.long = append(r.long, part...)
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, false, fmt.Errorf("%s:%d: read on: %w", r.name, r.line, err)
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

// ReadAll reads a whole history file into memory. torn says that its last line was cut off and left out.
func ReadAll(path string) (ops []Op, torn bool, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for op, err := range r.All() {
		if err != nil {
			return nil, false, err
		}
		ops = append(ops, op)
	}
	return ops, r.Torn(), nil
}

// LineOf gives the line of a history file on which the event with this index stands.
func LineOf(path string, index int64) (line int, err error) {
	r, err := Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for op, err := range r.All() {
		if err != nil {
			return 0, err
		}
		if op.Index == index {
			return r.Line(), nil
		}
	}
	return 0, fmt.Errorf("%s: no event has the index %d", path, index)
}
