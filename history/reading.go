package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Reading says how a history file is to be taken. The zero Reading is strict: what a run writes, or what Jepsen writes.
type Reading struct {
	// Keyed takes the value of each client's operation in EDN for the pair [key value] of an independent key (jepsen.independent).
	// The file does not say whether it is one: [1 2] may be the value of a cas as well.
	Keyed bool `json:"keyed,omitempty"`
	// Loose takes files of others: an index that is missing or goes back is the event's place in the file, a time that is missing or goes
	// back is the one before, and a completion without an invocation gets one at the earliest moment that is possible, just
	// behind the event of its process before: so it can only be concurrent with more, and nothing wrong is found by it. In
	// EDN, :process may be missing (0), and :f of a list of micro-operations ("txn").
	Loose bool `json:"loose,omitempty"`
	// Name stands for the path in errors, and says what kind of file it is: "stdin" for what was kept from there.
	Name string `json:"name,omitempty"`
}

func (how Reading) called(path string) string {
	if how.Name != "" {
		return how.Name
	}
	return path
}

// Open opens a history file, plain or compressed, JSON lines or EDN.
func (how Reading) Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	r, err := how.NewReader(f, how.called(path))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.file = f
	return r, nil
}

// NewReader reads a history from anywhere; name stands in the errors.
func (how Reading) NewReader(from io.Reader, name string) (*Reader, error) {
	const buffer = 256 << 10
	r := &Reader{name: name, how: how, in: bufio.NewReaderSize(from, buffer), line: 1}
	if head, _ := r.in.Peek(len(zstdMagic)); bytes.Equal(head, zstdMagic) {
		// Decoding on this goroutine leaves none behind. The window is bounded, as the file may be anybody's.
		z, err := zstd.NewReader(r.in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, fmt.Errorf("%s: begin to decompress: %w", name, err)
		}
		r.zst, r.in = z, bufio.NewReaderSize(z, buffer)
	}
	isEDN, known := nameSaysEDN(name)
	if !known {
		head, _ := r.in.Peek(4096) // shorter files have less
		isEDN = looksLikeEDN(head)
	}
	if isEDN {
		r.frame, r.edn = &ednFrame{in: r.in, line: 1}, ednDecoder{keyed: how.Keyed, loose: how.Loose}
	} else if how.Keyed {
		if r.zst != nil {
			r.zst.Close()
		}
		return nil, fmt.Errorf("%s: expected Jepsen's EDN, as --keyed is about the values of its operations: JSON lines have a field \"key\"", name)
	}
	return r, nil
}

// nameSaysEDN looks at how a file is called.
func nameSaysEDN(name string) (isEDN, known bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".zst")
	switch {
	case strings.HasSuffix(name, ".edn"):
		return true, true
	case strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".json"):
		return false, true
	}
	return false, false
}

// looksLikeEDN looks at how a file begins: an object of JSON begins {" and nothing else does.
func looksLikeEDN(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 {
		return false
	}
	switch head[0] {
	case '[', '(', ';', '#', ',':
		return true
	case '{':
		head = bytes.TrimLeft(head[1:], " \t\r\n,")
		return len(head) > 0 && head[0] == ':'
	}
	return false
}

// ReadAll reads a whole history file into memory. torn says that its last line was cut off and left out.
func (how Reading) ReadAll(path string) (ops []Op, torn bool, err error) {
	ops, _, torn, err = how.readAll(path, false)
	return ops, torn, err
}

// readAll is ReadAll, with the line of each event when that is asked for.
func (how Reading) readAll(path string, lines bool) (ops []Op, at []int, torn bool, err error) {
	r, err := how.Open(path)
	if err != nil {
		return nil, nil, false, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for op, err := range r.All() {
		if err != nil {
			return nil, nil, false, err
		}
		ops = append(ops, op)
		if lines {
			at = append(at, r.Line())
		}
	}
	if how.Loose {
		ops, at = invoked(ops, at)
	}
	return ops, at, r.Torn(), nil
}

// LineOf gives the line of a history file on which the event with this index stands, as ReadAll numbers them.
func (how Reading) LineOf(path string, index int64) (line int, err error) {
	if how.Loose {
		ops, at, _, err := how.readAll(path, true)
		if err != nil {
			return 0, err
		}
		if i, ok := slices.BinarySearchFunc(ops, index, func(o Op, index int64) int { return int(o.Index - index) }); ok {
			return at[i], nil
		}
		return 0, how.noEvent(path, index)
	}
	r, err := how.Open(path)
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
	return 0, how.noEvent(path, index)
}

func (how Reading) noEvent(path string, index int64) error {
	return fmt.Errorf("%s: no event has the index %d", how.called(path), index)
}

// View reads a whole history file and pairs its events. An error says file, line and what was expected.
func (how Reading) View(path string) (*View, error) {
	ops, _, err := how.ReadAll(path) // a torn last line is a crash's mark: what was completed before it counts
	if err != nil {
		return nil, err
	}
	v, err := NewView(ops)
	if b := (*BadEvent)(nil); errors.As(err, &b) {
		return nil, how.At(path, b.Index, err)
	}
	return v, err
}

// At wraps an error about the event with this index so that it says where that stands.
func (how Reading) At(path string, index int64, err error) error {
	where := how.called(path)
	if line, lerr := how.LineOf(path, index); lerr == nil {
		where = fmt.Sprintf("%s:%d", where, line)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// invoked gives an invocation to each completion that has none, just behind the event of its process before. When there is one
// such, all events are numbered anew. at is the line of each event, or empty.
func invoked(ops []Op, at []int) ([]Op, []int) {
	type missing struct{ behind, of int } // positions
	var gaps []missing
	before, open := map[int32]int{}, map[int32]bool{}
	for i, o := range ops {
		if !o.Client() {
			continue
		}
		if o.Type != Invoke && !open[o.Process] {
			behind := -1
			if b, ok := before[o.Process]; ok {
				behind = b
			}
			gaps = append(gaps, missing{behind, i})
		}
		open[o.Process] = o.Type == Invoke
		before[o.Process] = i
	}
	if len(gaps) == 0 {
		return ops, at
	}
	slices.SortStableFunc(gaps, func(a, b missing) int { return a.behind - b.behind })
	out, lines := make([]Op, 0, len(ops)+len(gaps)), []int(nil)
	add := func(o Op, i int) {
		o.Index = int64(len(out))
		out = append(out, o)
		if at != nil {
			lines = append(lines, at[i])
		}
	}
	now := time.Duration(0)
	for i := -1; i < len(ops); i++ {
		if i >= 0 {
			add(ops[i], i)
			now = ops[i].Time
		}
		for ; len(gaps) > 0 && gaps[0].behind == i; gaps = gaps[1:] {
			o := ops[gaps[0].of]
			o.Type, o.Time, o.Took, o.Err, o.Ext = Invoke, now, 0, Err{}, ""
			if answers(o.F) {
				o.Value = ""
			}
			add(o, gaps[0].of)
		}
	}
	return out, lines
}

// answers reports whether an operation's value is its answer alone, so that nothing of it was known at its invocation.
func answers(f string) bool {
	switch f {
	case "read", "dequeue", "pop", "poll", "drain", "generate", "watch", "acquire":
		return true
	}
	return false
}
