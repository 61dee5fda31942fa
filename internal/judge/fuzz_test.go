package judge

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// FuzzMessages: whatever a child writes, its parent reads it to the end, and neither panics nor waits for ever.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{"", "{", `{"begin":"set"}`, `{"begin":"set"}{"result":{"name":"set","took":1,"verdict":"valid","facts":{"x":[1]}}}`, `{"error":"no such file"}`,
		`{"result":null}`, `{"result":{"verdict":"fine"}}`, `[]`, "null\nnull", `{"begin":7}`, "{\"begin\":\"\xff\"}", "garbage", `{"result":{"anomalies":[{"ops":[1e3]}]}}`, strings.Repeat(`{"begin":"x"}`, 100) + "}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		from := bytes.NewReader(b)
		msgs := make(chan message)
		done := make(chan error, 1)
		go func() {
			defer close(msgs)
			done <- read(iotest.OneByteReader(from), msgs)
		}()
		var results []store.CheckerResult
		for m := range msgs {
			if m.Result != nil {
				results = append(results, *m.Result)
			}
		}
		if err := <-done; from.Len() > 0 {
			t.Fatalf("%d bytes were not read (%v): the child would hang", from.Len(), err)
		}
		v := Summary(store.Meta{Target: "etcd"}, results)
		if v.Summary == "" || len(results) == 0 && v.Verdict != checker.Unknown {
			t.Fatalf("%+v", v)
		}
		for _, r := range results {
			if r.Verdict != checker.Valid && v.Verdict == checker.Valid {
				t.Fatalf("%s became valid", r.Verdict)
			}
		}
	})
}

// FuzzOrder: whatever a child reads as its order, it answers in JSON, and with a status that says whether it did its work.
func FuzzOrder(f *testing.F) {
	for _, o := range []order{{}, {Names: []string{"good"}}, {Names: []string{"good", "nobody"}, Params: history.Params{"initial": "0"}, Timeout: 1, Memory: 1 << 30}, {Timeout: -1, Memory: -1}} {
		b, err := json.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{"", "null", "[]", `{"names":{}}`, `{"timeout":1e400}`, `{"names":["good"]}{`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o order
		if json.Unmarshal(b, &o) == nil && (o.History != "" || o.RunDir != "" || o.Memory != 0) {
			return // the machine's files are none of the fuzzer's business, nor is the memory limit of its process
		}
		if json.NewDecoder(bytes.NewReader(b)).Decode(&o) == nil && (o.History != "" || o.RunDir != "" || o.Memory != 0) {
			return
		}
		var out bytes.Buffer
		status := ChildMain([]checker.Spec{{Name: "good", Checker: says(checker.Valid, "")}}, bytes.NewReader(b), &out)
		var m message
		if err := json.Unmarshal(out.Bytes(), &m); err != nil || status != 1 || m.Error == "" {
			t.Fatalf("%q: status %d, %q (%v): expected an error, for no order names a history", b, status, out.String(), err)
		}
	})
}
