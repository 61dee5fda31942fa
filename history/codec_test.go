package history

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAnOpStandsOnItsLineAsDocumented(t *testing.T) {
	for _, c := range []struct {
		op   Op
		want string
	}{
		{Op{Type: Invoke}, `{"index":0,"time":0,"process":0,"type":"invoke"}`},
		{
			Op{Index: 7, Time: 12 * time.Millisecond, Process: 3, Type: OK, F: "cas", Key: "k-1", Value: "[1,2]", Ext: `{"revision":9}`, Node: "n2", Took: time.Millisecond},
			`{"index":7,"time":12000000,"process":3,"type":"ok","f":"cas","key":"k-1","value":[1,2],"ext":{"revision":9},"node":"n2","took":1000000}`,
		},
		{
			Op{Index: 8, Process: Nemesis, Type: Info, F: "partition", Value: `{"start":"w1"}`},
			`{"index":8,"time":0,"process":"nemesis","type":"info","f":"partition","value":{"start":"w1"}}`,
		},
		{
			Op{Type: Info, F: "write", Err: Err{Code: "timeout", Text: "no \"answer\"\n\x01"}},
			`{"index":0,"time":0,"process":0,"type":"info","f":"write","error":{"code":"timeout","text":"no \"answer\"\n\u0001"}}`,
		},
		{Op{Type: Fail, Err: Err{Text: "x"}}, `{"index":0,"time":0,"process":0,"type":"fail","error":{"text":"x"}}`},
	} {
		if got := string(AppendJSON(nil, c.op)); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		back, err := new(Decoder).Decode([]byte(c.want))
		if err != nil {
			t.Errorf("%s: %v", c.want, err)
		}
		if d := cmp.Diff(c.op, back); d != "" {
			t.Errorf("%s came back as something else:\n%s", c.want, d)
		}
	}
}

func TestNilZeroAndEmptyStayApart(t *testing.T) {
	for v, want := range map[Value]string{"": "", "null": "", "0": `"value":0`, "[]": `"value":[]`, "{}": `"value":{}`, `""`: `"value":""`} {
		line := string(AppendJSON(nil, Op{Type: OK, Value: v}))
		if want == "" && strings.Contains(line, "value") || !strings.Contains(line, want) {
			t.Errorf("value %q is written as %s, want %q in it", v, line, want)
		}
	}
}

func TestNoAnswerOfAServerBreaksTheLine(t *testing.T) {
	for v, want := range map[Value]Value{
		"[1, 2 ,\n3]":           "[1,2,3]",
		"{\"a\" : [ ] }":        `{"a":[]}`,
		"oops":                  `"oops"`,
		"1}\n{\"index\":9":      `"1}\n{\"index\":9"`,
		"[1,]":                  `"[1,]"`,
		"\"a\xffb\"":            `"\"a` + "\ufffd" + `b\""`,
		"01":                    `"01"`,
		`"a b"`:                 `"a b"`,
		Value("[" + nest(2000)): Str("[" + nest(2000)),
	} {
		line := AppendJSON(nil, Op{Type: OK, Value: v})
		if !json.Valid(line) || strings.Contains(string(line), "\n") {
			t.Fatalf("value %q breaks the line: %s", v, line)
		}
		op, err := new(Decoder).Decode(line)
		if err != nil || op.Value != want {
			t.Errorf("value %q came back as %s (%v), want %s", v, op.Value, err, want)
		}
	}
}

func nest(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n+1) }

func TestAnyOrderWhiteSpaceAndEscapesAreRead(t *testing.T) {
	const line = " { \"type\" : \"o\\u006b\" , \"value\" : [ 1 , \"\\ud83d\\ude00 x\" ] , \"process\":4,\"time\" :5, \"index\":6,\"\\u0066\":\"re\\/ad\", \"error\" : { \"text\" : \"a\\tb\" , \"code\":\"c\" }, \"key\":null }\r"
	_, err := new(Decoder).Decode([]byte(line))
	if err == nil || !strings.Contains(err.Error(), `field "key"`) {
		t.Fatalf("a key that is null is %v, want an error: what is nil is left out", err)
	}
	op, err := new(Decoder).Decode([]byte(strings.Replace(line, `, "key":null`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	want := Op{Index: 6, Time: 5, Process: 4, Type: OK, F: "re/ad", Value: `[1,"\ud83d\ude00 x"]`, Err: Err{"c", "a\tb"}}
	if d := cmp.Diff(want, op); d != "" {
		t.Error(d)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	const head = `{"index":1,"time":2,"process":3,"type":"ok"`
	for line, want := range map[string]string{
		``:                                 "ends too early",
		`[]`:                               "expected an object",
		`{}`:                               `expected a field "index"`,
		`{"index":1,"time":2,"process":3}`: `expected a field "type"`,
		head + `,"colour":1}`:              `field "colour": unknown: expected index, time`,
		head + `,"index":2}`:               `field "index" is there twice`,
		head + `} x`:                       "expected the end of the line",
		head + `,}`:                        "expected a string",
		head + `,"f":1}`:                   `field "f": column`,
		head + `,"value":tru3}`:            "expected true",
		head + `,"value":[1 2]}`:           "a comma or ]",
		head + `,"value":{1:2}}`:           "a string",
		head + `,"value":1.}`:              "a digit",
		head + `,"value":"\q"}`:            "an escape",
		head + `,"value":` + nest(600):     "nested less than",
		head + `,"error":{"kode":"x"}}`:    `unknown field "kode"`,
		head + `,"took":-1}`:               "a whole number",
		`{"index":1.5}`:                    "a whole number",
		`{"index":99999999999999999999}`:   "at most",
		`{"index":007}`:                    "leading zeros",
		`{"process":-1}`:                   `a process's number or "nemesis"`,
		`{"process":"gremlin"}`:            `a process's number or "nemesis"`,
		`{"process":4294967296}`:           "at most",
		`{"type":"maybe"}`:                 `unknown type "maybe"`,
		"{\"type\":\"\xff\"}":              "UTF-8",
	} {
		_, err := new(Decoder).Decode([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n gives %v\n want  %s", line, err, want)
		}
	}
}

func TestNamesAreSharedAndOutliveTheLine(t *testing.T) {
	var d Decoder
	line := AppendJSON(nil, Op{Type: OK, F: "read", Node: "n1", Value: "17", Err: Err{Text: strings.Repeat("long", 50)}})
	op, err := d.Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	for i := range line {
		line[i] = 'x'
	}
	if op.F != "read" || op.Node != "n1" || op.Value != "17" || op.Err.Text != strings.Repeat("long", 50) {
		t.Errorf("the op changed with the buffer it was read from: %+v", op)
	}
}

func genOp() *rapid.Generator[Op] {
	values := rapid.SampledFrom([]Value{"", "0", "-1.5e3", "[]", "[1,[2,null]]", `{"a":{"b":"\n"}}`, `"ü\u0001"`, "true", "false"})
	return rapid.Custom(func(t *rapid.T) Op {
		return Op{
			Index: rapid.Int64Min(0).Draw(t, "index"), Time: time.Duration(rapid.Int64Min(0).Draw(t, "time")),
			Process: rapid.Int32Min(-1).Draw(t, "process"), Type: rapid.SampledFrom([]Type{Invoke, OK, Fail, Info}).Draw(t, "type"),
			F: rapid.String().Draw(t, "f"), Key: rapid.String().Draw(t, "key"), Node: rapid.String().Draw(t, "node"),
			Value: values.Draw(t, "value"), Ext: values.Draw(t, "ext"),
			Err:  Err{Code: rapid.String().Draw(t, "code"), Text: rapid.String().Draw(t, "text")},
			Took: time.Duration(rapid.Int64Min(0).Draw(t, "took")),
		}
	})
}

func TestWhatIsWrittenComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := genOp().Draw(t, "op")
		line := AppendJSON(nil, op)
		if !json.Valid(line) {
			t.Fatalf("not JSON: %s", line)
		}
		back, err := new(Decoder).Decode(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if d := cmp.Diff(op, back); d != "" {
			t.Fatalf("%s came back as something else:\n%s", line, d)
		}
	})
}

// FuzzDecode: no bytes make the decoder panic, what it takes is JSON, and what it took comes back when written again.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"index":0,"time":0,"process":0,"type":"invoke"}`,
		`{"index":7,"time":12,"process":"nemesis","type":"info","f":"partition","value":{"a":[1,2.5e-3,null,true]},"error":{"code":"x","text":"y\u0000"}}`,
		` { "type" : "ok", "process":1 , "time":1,"index":1, "value": [ "\ud800" , {} ] }`,
		`{"index":18446744073709551616,"value":[[[[`, "{\"f\":\"\xff\"}", `{"index":1,"index":1}`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		op, err := new(Decoder).Decode(line)
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("took what is not JSON: %q", line)
		}
		again, err := new(Decoder).Decode(AppendJSON(nil, op))
		if err != nil || again != op {
			t.Fatalf("%q came back as %+v (%v), it was %+v", line, again, err, op)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	line := AppendJSON(nil, Op{Index: 123456, Time: 98765432100, Process: 17, Type: OK, F: "write", Key: "run-12", Value: "123457", Node: "n3", Took: 1234567})
	var d Decoder
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	op := Op{Index: 123456, Time: 98765432100, Process: 17, Type: OK, F: "write", Key: "run-12", Value: "123457", Node: "n3", Took: 1234567}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], op)
	}
}
