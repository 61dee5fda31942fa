package history

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// zst compresses a history's text.
func zst(tb testing.TB, b []byte) []byte {
	tb.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	return z.EncodeAll(b, nil)
}

// aHistory is a small good one.
func aHistory() []byte {
	var b []byte
	for i := range int64(6) {
		typ := []Type{Invoke, OK, Invoke, Info, Invoke, Fail}[i]
		b = append(AppendJSON(b, Op{Index: i, Time: time.Duration(i), Process: int32(i / 2), Type: typ, F: "write", Key: "k", Value: Int(i / 2), Node: "n1"}), '\n')
	}
	return b
}

// FuzzReader: no file makes the reader panic or hang, plain or compressed. What is wrong with it is said with its name and line.
// What was read can be written again and comes back, and pairs into calls or is refused with the index.
func FuzzReader(f *testing.F) {
	good := aHistory()
	packed := zst(f, good)
	for _, b := range [][]byte{
		nil, good, good[:len(good)-7], packed, packed[:len(packed)-3], packed[:5], zstdMagic,
		append(slices.Clone(packed), packed...), // two frames are one text
		append(slices.Clone(packed), "garbage"...), zst(f, bytes.Repeat([]byte{0}, 1<<20)), zst(f, packed),
		bytes.Replace(good, []byte(`"index":3`), []byte(`"index":2`), 1), bytes.Replace(good, []byte(`"ok"`), []byte(`"maybe"`), 1),
		bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), bytes.Replace(good, []byte("\n"), nil, 1), []byte("\n\n"), []byte("[]"),
		{0x28, 0xb5, 0x2f, 0xfd, 0xa4, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, // a window of all the memory there is
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 10_000 // of a small file that unpacks to a large one
		r, err := NewReader(bytes.NewReader(b), "h.jsonl")
		if err != nil {
			if !strings.Contains(err.Error(), "h.jsonl") {
				t.Fatalf("the error does not name the file: %v", err)
			}
			return
		}
		defer func() { _ = r.Close() }()
		var ops []Op
		for op, err := range r.All() {
			if err != nil {
				if !strings.Contains(err.Error(), "h.jsonl:") {
					t.Fatalf("the error does not name file and line: %v", err)
				}
				break
			}
			if ops = append(ops, op); len(ops) == most {
				break
			}
		}
		var again []byte
		for _, op := range ops {
			again = append(AppendJSON(again, op), '\n')
		}
		back, torn, err := readAll(again)
		if err != nil || torn || !slices.Equal(ops, back) {
			t.Fatalf("%d events came back as %d, torn %v, error %v", len(ops), len(back), torn, err)
		}
		v, err := NewView(ops)
		if err != nil {
			if !strings.Contains(err.Error(), "index ") {
				t.Fatalf("the error does not name the index: %v", err)
			}
			return
		}
		for _, c := range v.Calls {
			if c.Return >= 0 && c.Return <= c.Invoke || c.Info >= 0 && c.Info <= c.Invoke || (c.Type == Info) != (c.Return < 0) || v.Ops[c.Invoke].Type != Invoke {
				t.Fatalf("%+v", c)
			}
		}
	})
}

// FuzzParams: a bad parameter is an error that names it, never a default and never a panic.
func FuzzParams(f *testing.F) {
	for _, s := range []string{"", "1", "-0", "9223372036854775808", "1e3", "0x10", "true", "T", "yes", "1.5s", "-3h", "1s1", "99999999h", "\xff", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Params{"x": s}
		if p.String("x", "default") != s {
			t.Fatal("a string was changed")
		}
		const def = 424242
		n, err := p.Int("x", def)
		b, berr := p.Bool("x", true)
		d, derr := p.Duration("x", def)
		if err == nil && n == def && strings.TrimLeft(s, "+0") != "424242" || derr == nil && d == def && s != "424242ns" && !strings.Contains(s, "s") {
			t.Fatalf("%q became the default", s)
		}
		for _, err := range []error{err, berr, derr} {
			if err != nil && !strings.Contains(err.Error(), "parameter x=") {
				t.Fatalf("%q: %v", s, err)
			}
		}
		if err != nil && n != 0 || berr != nil && b || derr != nil && d != 0 {
			t.Fatalf("%q: a value beside an error: %d %v %s", s, n, b, d)
		}
	})
}
