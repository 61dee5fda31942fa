package history

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readEDN reads a text as a file of that name.
func readText(how Reading, name, text string) (ops []Op, torn bool, err error) {
	r, err := how.NewReader(strings.NewReader(text), name)
	if err != nil {
		return nil, false, err
	}
	for op, err := range r.All() {
		if err != nil {
			return ops, false, err
		}
		ops = append(ops, op)
	}
	return ops, r.Torn(), r.Close()
}

// TestJepsensOperations: each kind of value that Jepsen's workloads have becomes the value that ours have.
func TestJepsensOperations(t *testing.T) {
	for _, c := range []struct {
		name, text string
		keyed      bool
		want       Op
	}{
		{"a tagged operation", `#jepsen.history.Op{:index 7, :time 42, :type :invoke, :process 3, :f :write, :value 5}`, false, Op{Index: 7, Time: 42, Process: 3, Type: Invoke, F: "write", Value: "5"}},
		{"the tag of old", `#knossos.op.Op {:process 3 :type :ok :f :read :value nil}`, false, Op{Process: 3, Type: OK, F: "read"}},
		{"no index, no time, any order", `{:value 5 :f :write, :type :fail :process 3}`, false, Op{Process: 3, Type: Fail, F: "write", Value: "5"}},
		{"fields that only Jepsen has", `{:process 0 :type :info :f :read :value nil :exception {:via [{:type X :message "}"}]} :clock-offsets {"n1" -0.5}}`, false, Op{Type: Info, F: "read"}},
		{"strings for keywords", `{:process 0 :type "ok" :f "read" :value 1}`, false, Op{Type: OK, F: "read", Value: "1"}},
		{"a cas", `{:process 0 :type :ok :f :cas :value [2 1]}`, false, Op{Type: OK, F: "cas", Value: "[2,1]"}},
		{"a key", `{:process 0 :type :ok :f :cas :value [17 [2 1]]}`, true, Op{Type: OK, F: "cas", Key: "17", Value: "[2,1]"}},
		{"a key that is a keyword", `{:process 0 :type :ok :f :read :value [:x nil]}`, true, Op{Type: OK, F: "read", Key: "x"}},
		{"the nemesis has no keys", `{:process :nemesis :type :info :f :start-partition :value {"n1" #{"n2" "n3"}}}`, true, Op{Process: Nemesis, Type: Info, F: "start-partition", Value: `{"n1":["n2","n3"]}`}},
		{"a transaction", `{:process 0 :type :ok :f :txn :value [[:append 9 1] [:r :x [1 2]] [:r 8 nil]]}`, false, Op{Type: OK, F: "txn", Value: `[["append",9,1],["r","x",[1,2]],["r",8,null]]`}},
		{"a set", `{:process 0 :type :ok :f :read :value #{10 9 -1 "b" :a}}`, false, Op{Type: OK, F: "read", Value: `[-1,9,10,"a","b"]`}},
		{"a bank", `{:process 0 :type :ok :f :read :value {0 10, 1 -5}}`, false, Op{Type: OK, F: "read", Value: `{"0":10,"1":-5}`}},
		{"a transfer", `{:process 0 :type :ok :f :transfer :value {:from 0 :to 1 :amount 5}}`, false, Op{Type: OK, F: "transfer", Value: `{"amount":5,"from":0,"to":1}`}},
		{"a list", `{:process 0 :type :ok :f :drain :value (1 2)}`, false, Op{Type: OK, F: "drain", Value: "[1,2]"}},
		{"a send", `{:process 0 :type :ok :f :send :value [[:send :k [7 1]]]}`, false, Op{Type: OK, F: "send", Value: `["k",[7,1]]`}},
		{"a poll", `{:process 0 :type :ok :f :poll :value [[:poll {:k [[7 1] [8 2]]}]]}`, false, Op{Type: OK, F: "poll", Value: `{"k":[[7,1],[8,2]]}`}},
		{"a poll that begins", `{:process 0 :type :invoke :f :poll :value [[:poll]]}`, false, Op{Type: Invoke, F: "poll"}},
		{"brackets in characters and strings", `{:process 0 :type :ok :f :write :value [\} "]\"{" \newline \a]}`, false, Op{Type: OK, F: "write", Value: `["}","]\"{","\n","a"]`}},
		{"large and odd numbers", `{:process 0 :type :ok :f :write :value [12345678901234567890123N 1.5 -0.25M 3N 1e3 +7]}`, false, Op{Type: OK, F: "write", Value: `[12345678901234567890123,1.5,-0.25,3,1000,7]`}},
		{"what is discarded, and comments", "{:process 0 ; who }\n #_ :type #_:info :type :ok :f #_[x y] :read :value 1}", false, Op{Type: OK, F: "read", Value: "1"}},
		{"a tagged value", `{:process 0 :type :ok :f :write :value #object[java.lang.Object 0x12 "x"]}`, false, Op{}},
		{"an instant", `{:process 0 :type :ok :f :write :value #inst "2026-01-02T03:04:05Z"}`, false, Op{Type: OK, F: "write", Value: `"2026-01-02T03:04:05Z"`}},
		{"an error that is a keyword", `{:process 0 :type :info :f :write :value 1 :error :timeout}`, false, Op{Type: Info, F: "write", Value: "1", Err: Err{Code: "timeout"}}},
		{"an error with words", `{:process 0 :type :info :f :write :value 1 :error [:socket "gone away"]}`, false, Op{Type: Info, F: "write", Value: "1", Err: Err{"socket", "gone away"}}},
		{"an error with data", `{:process 0 :type :info :f :write :value 1 :error [:mongo {:code 5} 3]}`, false, Op{Type: Info, F: "write", Value: "1", Err: Err{"mongo", `{"code":5},3`}}},
		{"an error in words", `{:process 0 :type :info :f :write :value 1 :error "what"}`, false, Op{Type: Info, F: "write", Value: "1", Err: Err{Text: "what"}}},
		{"ours", `{:index 0 :time 3 :process 0 :type :ok :f :acquire :value nil :ext 7 :node "n1" :took 2}`, false, Op{Time: 3, Type: OK, F: "acquire", Ext: "7", Node: "n1", Took: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ops, torn, err := readText(Reading{Keyed: c.keyed}, "h.edn", c.text)
			if c.want == (Op{}) { // refused by the library: 0x12 is no number of EDN
				if err == nil || !strings.Contains(err.Error(), "h.edn:1: field :value:") {
					t.Fatal(ops, err)
				}
				return
			}
			if err != nil || torn || len(ops) != 1 || ops[0] != c.want {
				t.Fatalf("%v, torn %v, error %v", cmp.Diff([]Op{c.want}, ops), torn, err)
			}
		})
	}
}

// TestFilesOfJepsen: operations stand one after the other, or in a vector or list; the beginning says that it is EDN.
func TestFilesOfJepsen(t *testing.T) {
	want := []Op{{Process: 1, Type: Invoke, F: "write", Value: "5"}, {Index: 1, Process: 1, Type: OK, F: "write", Value: "5"}}
	a, b := `{:process 1, :type :invoke, :f :write, :value 5}`, `{:process 1, :type :ok, :f :write, :value 5}`
	for _, text := range []string{
		a + "\n" + b, a + b, "[" + a + b + "]", "(" + a + "\n" + b + ")\n", "; two\n[" + a + " ; one {\n" + b + "\n; end\n]",
		"  ,,, " + a + "," + b + ",", "[" + a + " #_ {:process 2} #_{:process 3} " + b + "]", "#jepsen.history.Op" + a + "\n#jepsen.history.Op " + b + "\n",
	} {
		ops, torn, err := readText(Reading{}, "history", text)
		if err != nil || torn || !slices.Equal(ops, want) {
			t.Errorf("%s: %v, torn %v, error %v", text, ops, torn, err)
		}
	}
	for _, torn := range []string{"\n{", "\n{:process 1", "\n#jepsen.history.Op{:value \"", "\n#jepsen.his", "\n{:value [1 "} {
		ops, isTorn, err := readText(Reading{}, "history", a+"\n"+b+torn)
		if err != nil || !isTorn || !slices.Equal(ops, want) {
			t.Errorf("%q: %v, torn %v, error %v", torn, ops, isTorn, err)
		}
	}
}

// TestBadEDN: what is wrong is said with file and line and what was expected.
func TestBadEDN(t *testing.T) {
	good := "{:process 1, :type :invoke, :f :read, :value nil}\n"
	for _, c := range []struct{ text, want string }{
		{"[" + good, "h.edn:2: expected more: the file ends before the ]"},
		{"[\n" + good + "] x", "h.edn:3: expected nothing behind the operations, found"},
		{good + "hello", `h.edn:2: expected an operation, {:process 0, :type :invoke, …}, found "h"`},
		{good + "[1 2]", `h.edn:2: expected an operation`},
		{good + "#foo{:process 1 :type :ok}", "h.edn:2: expected an operation, {:process 0, :type :invoke, …} or #jepsen.history.Op{…}, found #foo{"},
		{good + "{:process 1 :type :maybe}", `h.edn:2: field :type: unknown type "maybe": expected invoke, ok, fail or info`},
		{good + "{:process 1}", "h.edn:2: expected a field :type"},
		{good + "{:type :ok}", "h.edn:2: expected a field :process"},
		{good + "{:process :bob :type :ok}", "h.edn:2: field :process: expected a whole number from 0 to 2147483647, found :bob or :nemesis"},
		{good + "{:process 1 :type :ok :type :fail}", "h.edn:2: field :type is there twice: expected it once"},
		{good + "{:process 1 :type :ok :f}", "h.edn:2: expected a value behind :f"},
		{good + "{:process 1 :type :ok\n :value [1 2)}", "h.edn:2: line 3: expected no ) here"},
		{good + "{:process 1 :type :ok :value [1 2}", "h.edn:2: line 2: expected no } here"},
		{good + "{:process 1 :type :ok :value {1 2 :1 3 \"1\" 4}}", `two keys of a map are "1" as text`},
		{good + "{:process 1 :type :ok :value {1}}", "h.edn:2: field :value: {1}: expected EDN"},
		{good + "{:index 3 :process 1 :type :ok}", "h.edn:2: expected no field :index, as the operations before have none"},
		{good + "{:time 3 :process 1 :type :ok}", "h.edn:2: expected no field :time"},
		{"{:index 3 :process 1 :type :ok}" + good, "h.edn:1: expected a field :index, as the operations before have it"},
		{"{:index 3 :process 1 :type :ok}\n{:index 3 :process 1 :type :ok}", "h.edn:2: expected an index above 3"},
		{"{:time 3 :process 1 :type :ok}\n{:time 2 :process 1 :type :ok}", "h.edn:2: expected a time of 3 or later, as on the line before, found 2 (--loose allows it)"},
		{good + "{:process 1 :type :ok :value " + strings.Repeat("[", 600), "nested less than"},
		{good + "{:process 1 :type :ok :value " + strings.Repeat("#a ", 600), "tags in a row"},
		{good + "{:process 1 :type :ok :value\n", "h.edn:2: expected more: the file ends within an operation"},
		{good + "#_ x {:process 1 :type :ok}", "h.edn:2: expected a map behind #_"},
	} {
		_, torn, err := readText(Reading{}, "h.edn", c.text)
		if err == nil || torn || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	for _, text := range []string{"{:process 1 :type :ok :value 5}", "{:process 1 :type :ok}", "{:process 1 :type :ok :value [1 2 3]}"} {
		if _, _, err := readText(Reading{Keyed: true}, "h.edn", text); err == nil || !strings.Contains(err.Error(), "h.edn:1: field :value: expected [key value], as --keyed says") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := readText(Reading{Keyed: true}, "h.jsonl", "{}"); err == nil || !strings.Contains(err.Error(), "expected Jepsen's EDN") {
		t.Error(err)
	}
}

// TestThereAndBack: what this package writes as EDN it reads as the same events.
func TestThereAndBack(t *testing.T) {
	ops := []Op{
		{Index: 3, Time: 1, Type: Invoke, F: "cas", Key: "r1-0", Value: "[1,null]", Node: "n1"},
		{Index: 4, Time: 2, Type: Info, F: "cas", Key: "r1-0", Value: "[1,null]", Node: "n1", Err: Err{"timeout", "a \"b\"\\\n\té"}, Took: 7},
		{Index: 5, Time: 2, Process: Nemesis, Type: Invoke, F: "partition:n1|n2+n3", Value: `["start"]`},
		{Index: 6, Time: 2, Process: 9, Type: OK, F: "txn", Key: "17", Value: `[["append","x",1],["r",5,[1,"append"]],["w","y",null]]`},
		{Index: 7, Time: 2, Process: 9, Type: OK, F: "send", Value: `["k",[7,"v"]]`},
		{Index: 8, Time: 2, Process: 9, Type: OK, F: "poll", Value: `{"k":[[7,"v"]],"007":[]}`, Ext: `{"a b":1}`},
		{Index: 9, Time: 2, Process: 9, Type: Invoke, F: "poll", Value: ""},
		{Index: 10, Time: 2, Process: 9, Type: OK, F: "read", Value: `{"0":10,"1":-5,"x":[],"y":{},"z":[{"type":"PUT"}]}`},
		{Index: 11, Time: 2, Process: 9, Type: Fail, F: "read", Err: Err{Code: "no luck"}},
		{Index: 12, Time: 2, Process: 9, Type: Fail, F: "read", Err: Err{Text: "no luck"}},
		{Index: 13, Time: time.Hour, Process: 9, Type: OK, F: "write", Value: `[true,false,1.5,1e-7,123456789012345678901234567890,"a:b",":a","\"","é\u0001"]`},
	}
	var text []byte
	for _, op := range ops {
		text = append(AppendEDN(text, op, true), '\n')
	}
	back, torn, err := readText(Reading{Keyed: true}, "h.edn", string(text))
	if err != nil || torn {
		t.Fatalf("%v, torn %v in\n%s", err, torn, text)
	}
	for i := range ops {
		ops[i].Value = Value(strings.ReplaceAll(string(ops[i].Value), `"007":[]`, `"007":[]`))
	}
	same := cmp.Transformer("json", func(v Value) any { var x any; _ = v.Decode(&x); return x })
	if d := cmp.Diff(ops, back, same); d != "" {
		t.Fatalf("%s in\n%s", d, text)
	}
}

// TestLooseFiles: a file of somebody else's is read as what it can only be, and nothing is made up that could accuse.
func TestLooseFiles(t *testing.T) {
	text := `{"process":0,"type":"ok","f":"write","value":1}
{"process":0,"type":"invoke","f":"read","time":50}
{"process":0,"type":"ok","f":"read","value":1,"time":40,"index":0}
{"process":1,"type":"ok","f":"read","value":1,"time":60}
{"process":1,"type":"fail","f":"cas","value":[1,2],"time":70}
`
	if _, _, err := readText(Reading{}, "h.jsonl", text); err == nil {
		t.Fatal("taken strictly")
	}
	path := filepath.Join(t.TempDir(), "h.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	how := Reading{Loose: true}
	ops, torn, err := how.ReadAll(path)
	want := []Op{
		{Index: 0, Process: 0, Type: Invoke, F: "write", Value: "1"},
		{Index: 1, Process: 1, Type: Invoke, F: "read"},
		{Index: 2, Process: 0, Type: OK, F: "write", Value: "1"},
		{Index: 3, Time: 50, Process: 0, Type: Invoke, F: "read"},
		{Index: 4, Time: 50, Process: 0, Type: OK, F: "read", Value: "1"},
		{Index: 5, Time: 60, Process: 1, Type: OK, F: "read", Value: "1"},
		{Index: 6, Time: 60, Process: 1, Type: Invoke, F: "cas", Value: "[1,2]"},
		{Index: 7, Time: 70, Process: 1, Type: Fail, F: "cas", Value: "[1,2]"},
	}
	if err != nil || torn || !slices.Equal(ops, want) {
		t.Fatal(cmp.Diff(want, ops), torn, err)
	}
	if _, err := NewView(ops); err != nil {
		t.Fatal(err)
	}
	for i, line := range []int{1, 4, 1, 2, 3, 4, 5, 5} {
		if got, err := how.LineOf(path, int64(i)); err != nil || got != line {
			t.Errorf("index %d stands on line %d, not %d: %v", i, line, got, err)
		}
	}
	if _, err := how.LineOf(path, 99); err == nil {
		t.Error("an index that is not there has a line")
	}
}

// TestJepsensOwnHistories reads every history of Knossos' and Elle's tests and holds each against itself written and read again.
func TestJepsensOwnHistories(t *testing.T) {
	dir := os.Getenv("PARTITA_JEPSEN_HISTORIES")
	if dir == "" {
		dir = "../../shared/jepsen-histories"
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.edn"))
	more, _ := filepath.Glob(filepath.Join(dir, "*", "*", "*", "*.edn"))
	files = append(files, more...)
	if len(files) == 0 {
		t.Skip("NOT RUN: Jepsen's histories are not here; PARTITA_JEPSEN_HISTORIES names their folder")
	}
	how := Reading{Loose: true} // many have completions only
	events := 0
	for _, path := range files {
		ops, torn, err := how.ReadAll(path)
		if err != nil || torn || len(ops) == 0 {
			t.Errorf("%s: %d events, torn %v, error %v", path, len(ops), torn, err)
			continue
		}
		events += len(ops)
		var text []byte
		for _, op := range ops {
			text = append(AppendEDN(text, op, false), '\n')
		}
		back, _, err := readText(Reading{}, path, string(text))
		if err != nil || !slices.Equal(ops, back) {
			t.Errorf("%s: written and read again: %v\n%s", path, err, cmp.Diff(ops, back))
		}
		if _, err := NewView(ops); err != nil {
			t.Logf("%s: %v", path, err)
		}
	}
	t.Logf("%d files, %d events", len(files), events)
}
