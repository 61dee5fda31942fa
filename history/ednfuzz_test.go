package history

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// FuzzEDN: no text makes the reader panic, hang or recurse without end. What is wrong is said with file and line; what was read can be
// written as EDN and as JSON, and comes back as the same events.
func FuzzEDN(f *testing.F) {
	for _, s := range []string{
		"", "[", "()", "{}", "{:process 1 :type :ok}", "[{:process 1, :type :invoke, :f :cas, :value [1 2]}\n{:type :info :process 1 :f :cas :error [:a \"b\"]}]",
		`#jepsen.history.Op{:index 3, :time 9, :type :ok, :process :nemesis, :f :start, :value {:a #{1 "x" [2]}, "b" \c, nil 1.5M}}`,
		`{:process 1 :type :ok :f :txn :value [[:append 1 2] [:r :x [1 2 3]] [:r y nil]]}`,
		`{:process 1 :type :ok :f :send :value [[:send 1 [2 3]]]} {:process 1 :type :ok :f :poll :value [[:poll {1 [[2 3]]}]]}`,
		`{:process 1 #_#_ :type :fail :type :ok :value #_ x #inst "2026-01-02T03:04:05.6Z"} ; end`,
		`{:process 1 :type :ok :value {[1 2] {3 4} #{} () 1N 2}} #_{} `, "{:process 1 :type :ok :value \"\\u00e9\\\"\"", `{:process 1 :type :ok :value #base64 "AAEC"}`,
		"{:process 1 :type :ok :value ##NaN}", "{:process 1 :type :ok :value #:a{:b 1}}", "{:process 1 :type :ok :value ^{:m 1} [2]}", "{:process 1 :type :ok :value [" + strings.Repeat("#_", 40) + "]}",
	} {
		f.Add(s, false, false)
		f.Add(s, true, true)
	}
	f.Fuzz(func(t *testing.T, s string, keyed, loose bool) {
		how := Reading{Keyed: keyed, Loose: loose}
		ops, _, err := readText(how, "h.edn", s)
		if err != nil && !strings.Contains(err.Error(), "h.edn:") {
			t.Fatalf("the error does not name file and line: %v", err)
		}
		var asEDN, asJSON []byte
		for _, op := range ops {
			asEDN = append(AppendEDN(asEDN, op, keyed), '\n')
			asJSON = append(AppendJSON(asJSON, op), '\n')
		}
		if bytes.Count(asEDN, []byte("\n")) != len(ops) {
			return // a line's end in a string: EDN has no escape for every one, and needs none
		}
		back, torn, err := readText(Reading{Keyed: keyed}, "h.edn", string(asEDN))
		if err != nil || torn || !slices.EqualFunc(ops, back, sameOp) {
			t.Fatalf("from EDN: %v\nread as %v\nwritten as %s\nread again as %v", err, ops, asEDN, back)
		}
		if back, torn, err = readText(Reading{}, "h.jsonl", string(asJSON)); err != nil || torn || !slices.Equal(ops, back) {
			t.Fatalf("from JSON: %v\n%v\n%s", err, ops, asJSON)
		}
	})
}

// sameOp reports whether a and b are the same event. An error that is neither a keyword nor a list loses its shape.
func sameOp(a, b Op) bool {
	return a == b || a.Err != b.Err && a.Err.String() == b.Err.String()
}
