package judge

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// specimen is a run's history and faults.json as they stand on disk, and parameters.
type specimen struct {
	history, faults []byte
	params          history.Params
}

// specimens are good runs that are mutated: registers and a set, each under two partitions, from seven clients at once.
func specimens() []specimen {
	var out []specimen
	for _, set := range []bool{false, true} {
		r := rand.New(rand.NewPCG(7, 8))
		var ops []history.Op
		now := time.Duration(0)
		point := func() history.Point { return history.Point{Index: int64(len(ops)), Time: now} }
		add := func(o history.Op) {
			now += 10 * time.Millisecond
			o.Index, o.Time = int64(len(ops)), now
			ops = append(ops, o)
		}
		type client struct {
			process int32
			op      *history.Op
			answer  history.Value
		}
		clients := make([]client, 7)
		for i := range clients {
			clients[i].process = int32(i)
		}
		state, value, elements := map[string]history.Value{}, int64(0), []history.Value{}
		run := func(n int, reads bool) {
			for range n {
				c := &clients[r.IntN(len(clients))]
				if c.op != nil { // it took effect when it was called
					o := *c.op
					o.Type, o.Value, c.op = history.OK, c.answer, nil
					if o.F != "read" && o.F != "cas" && r.IntN(12) == 0 {
						o.Type, o.Err = history.Info, history.Err{Code: "timeout", Text: "no answer"}
						c.process += int32(len(clients))
					}
					add(o)
					continue
				}
				value++
				o := history.Op{Process: c.process, Node: fmt.Sprint("n", 1+c.process%3), Type: history.Invoke, F: "read", Key: fmt.Sprint("k", r.IntN(4))}
				write := !reads && r.IntN(2) == 0
				switch {
				case set && write:
					o.F, o.Value = "add", history.Int(value)
					elements = append(elements, o.Value)
				case write && r.IntN(3) == 0:
					o.F, o.Value = "cas", history.Pair(state[o.Key], history.Int(value))
					state[o.Key] = history.Int(value)
				case write:
					o.F, o.Value = "write", history.Int(value)
					state[o.Key] = o.Value
				}
				if c.answer = o.Value; o.F == "read" {
					c.answer = state[o.Key]
				}
				if set {
					if o.Key = "s"; o.F == "read" {
						c.answer = history.List(elements...)
					}
				}
				add(o)
				c.op = &o
			}
		}
		f := store.Faults{Plan: history.Plan{Nodes: []string{"n1", "n2", "n3"}, Faults: []string{"partition"}, Planned: map[string]int{"partition": 2}}}
		run(40, false)
		for i := range 2 {
			w := history.Window{ID: fmt.Sprint("w", i+1), Fault: "partition:one", Spec: `{"id":"w1"}`, Harmed: []string{"n1"}, Sides: [][]string{{"n1"}, {"n2", "n3"}}}
			w.Commanded.From, w.Observed.From = point(), point()
			add(history.Op{Process: history.Nemesis, Type: history.Info, F: w.Fault, Value: `{"do":"start"}`})
			run(40, false)
			w.Observed.To, w.Commanded.To, w.Recovered = point(), point(), point()
			f.Windows = append(f.Windows, w)
			run(10, false)
		}
		f.Plan.Final = point()
		run(30, true)
		var text []byte
		for _, o := range ops {
			text = append(history.AppendJSON(text, o), '\n')
		}
		faults, err := store.JSON(f)
		if err != nil {
			panic(err)
		}
		out = append(out, specimen{text, faults, history.Params{}})
	}
	return out
}

// shapes are values that no checker waits for.
var shapes = []history.Value{
	"", "null", "0", "-0", "1", "1.0", "1e308", "9223372036854775808", "-1", "true", `""`, `"x"`, `"\u0000<script>"`, "[]", "{}", "[null]", "[[]]", "[1]", "[1,2]", "[2,1]", "[1,2,3]", "[null,null]",
	`[["r","x",null]]`, `{"a":[1,{"b":null}]}`, `[1,1,1,1,1]`, `["1",1]`, history.Value(strings.Repeat("[", 400) + strings.Repeat("]", 400)), history.Str(strings.Repeat("long ", 2000)),
}

// mutate spoils a specimen in one to five ways.
func mutate(s specimen, r *rand.Rand) specimen {
	s.history, s.faults = slices.Clone(s.history), slices.Clone(s.faults)
	for range 1 + r.IntN(5) {
		switch n := r.IntN(20); {
		case n < 3:
			s.history = mutateBytes(s.history, r)
		case n < 7:
			s.history = mutateLines(s.history, r)
		case n < 15:
			s.history = mutateOps(s.history, r)
		case n == 15:
			s.faults = mutateBytes(s.faults, r)
		case n < 18:
			s.faults = mutateNumbers(s.faults, r)
		case n == 18:
			s.faults = [][]byte{[]byte("{}"), []byte("null"), []byte(`{"windows":[{}]}`), []byte(`{"plan":{"nodes":["","n1","n1"],"faults":["",":","none"]}}`)}[r.IntN(4)]
		default:
			name := []string{"initial", "recovery-within"}[r.IntN(2)]
			s.params = history.Params{name: []string{"", "1", "-1s", "1ns", "1h", "nonsense", "[", "1e999"}[r.IntN(8)]}
		}
	}
	if r.IntN(3) > 0 {
		s.history = renumber(s.history)
	}
	return s
}

func mutateBytes(b []byte, r *rand.Rand) []byte {
	if len(b) == 0 {
		return []byte("x")
	}
	i := r.IntN(len(b))
	switch r.IntN(5) {
	case 0:
		b[i] ^= 1 << r.IntN(8)
	case 1:
		b[i] = byte(r.IntN(256))
	case 2:
		b = slices.Delete(b, i, min(len(b), i+1+r.IntN(40)))
	case 3:
		junk := []string{"\x00", "\n", "\"", "}", "{", "[[[[", "\xff\xfe", "999999999999999999999", "null"}
		b = slices.Insert(b, i, []byte(junk[r.IntN(len(junk))])...)
	case 4:
		b = b[:i]
	}
	return b
}

func mutateLines(b []byte, r *rand.Rand) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	switch r.IntN(5) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, i, lines[j])
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		lines = slices.Delete(lines, min(i, j), max(i, j))
	case 4:
		lines = append(lines, lines[min(i, j):max(i, j)]...)
	}
	return bytes.Join(lines, nil)
}

// mutateNumbers puts another number in the place of one.
func mutateNumbers(b []byte, r *rand.Rand) []byte {
	var at [][2]int
	for i := 0; i < len(b); i++ {
		from := i
		for i < len(b) && (b[i] == '-' || b[i] >= '0' && b[i] <= '9') {
			i++
		}
		if i > from && from > 0 && b[from-1] == ' ' {
			at = append(at, [2]int{from, i})
		}
	}
	if len(at) == 0 {
		return b
	}
	x := at[r.IntN(len(at))]
	numbers := []string{"-1", "0", "1", "7", "-9223372036854775808", "9223372036854775807", "100000", "1e5", "null"}
	return slices.Replace(b, x[0], x[1], []byte(numbers[r.IntN(len(numbers))])...)
}

// mutateOps changes a field of an event to something else that can be written; lines that are none stay.
func mutateOps(b []byte, r *rand.Rand) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	i := r.IntN(len(lines))
	op, err := new(history.Decoder).Decode(bytes.TrimSpace(lines[i]))
	if err != nil {
		return b
	}
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		op.Value = shapes[r.IntN(len(shapes))]
	case 4:
		op.Type = history.Type(1 + r.IntN(4))
	case 5:
		op.Process = []int32{history.Nemesis, 0, 1, 2, 1000, math.MaxInt32}[r.IntN(6)]
	case 6:
		op.F = pick("", "read", "write", "cas", "add", "txn", "dequeue", "READ", "read ", "\x00")
	case 7:
		op.Key = pick("", "k0", "k1", "s", "другой", strings.Repeat("k", 1000))
	case 8:
		op.Node = pick("", "n1", "n2", "n3", "n4", "n1+n2")
	case 9:
		op.Index = []int64{0, op.Index + 1, op.Index - 1, math.MaxInt64}[r.IntN(4)]
	case 10:
		op.Time = []time.Duration{0, op.Time + time.Hour, math.MaxInt64}[r.IntN(3)]
	case 11:
		op.Took, op.Ext, op.Err = math.MaxInt64, shapes[r.IntN(len(shapes))], history.Err{Code: pick("connect", "x"), Text: "\x1b[2J"}
	}
	if op.Index < 0 {
		op.Index = 0
	}
	lines[i] = append(history.AppendJSON(nil, op), '\n')
	return bytes.Join(lines, nil)
}

// renumber makes indices and times grow again, and lets processes do one thing at a time where they can, so that what else is
// wrong gets further than the reader.
func renumber(b []byte) []byte {
	var out []byte
	var n int64
	var last time.Duration
	open := map[int32]history.Op{}
	d := new(history.Decoder)
	for line := range bytes.Lines(b) {
		op, err := d.Decode(bytes.TrimRight(line, "\n"))
		if err != nil {
			out = append(out, line...)
			continue
		}
		if inv, isOpen := open[op.Process]; op.Client() {
			switch {
			case op.Type == history.Invoke && isOpen, op.Type != history.Invoke && !isOpen:
				continue
			case op.Type == history.Invoke:
				open[op.Process] = op
			default:
				op.F, op.Key = inv.F, inv.Key
				delete(open, op.Process)
			}
		}
		last = max(last, op.Time)
		op.Index, op.Time = n, last
		n++
		out = append(history.AppendJSON(out, op), '\n')
	}
	return out
}
