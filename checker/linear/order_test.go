package linear

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// What a reader sees first is the worst kind of finding, and of stale reads the most stale; also within one register.
func TestTheMostStrikingComesFirst(t *testing.T) {
	var ops []history.Op
	at := time.Duration(0)
	add := func(after time.Duration, process int32, key, f string, value int64) {
		for _, typ := range []history.Type{history.Invoke, history.OK} {
			at += after
			after = time.Millisecond
			o := history.Op{Index: int64(len(ops)), Time: at, Process: process, Node: "n1", Key: key, Type: typ, F: f, Value: history.Int(value)}
			if f == "read" && typ == history.Invoke {
				o.Value = ""
			}
			ops = append(ops, o)
		}
	}
	for _, key := range []string{"little", "more", "thin"} {
		add(time.Millisecond, 0, key, "write", 1)
		add(time.Millisecond, 0, key, "write", 2)
		add(time.Millisecond, 0, key, "read", 2) // so that the write is not lost
	}
	add(time.Millisecond, 1, "little", "read", 1)
	add(time.Second, 1, "more", "read", 1)
	add(time.Second, 1, "more", "read", 1)
	add(time.Millisecond, 1, "thin", "read", 3)
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	r := check(v, nil)
	var got []string
	for _, a := range r.Anomalies {
		got = append(got, a.Name+" "+a.Key)
	}
	want := []string{"thin-air-read thin", "stale-read more", "stale-read little"}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := r.Anomalies[1].Text; text != "n1 answered 1 to a read that began 2.0 s after 2 had been written through n1" {
		t.Errorf("the less stale read of the register is shown: %s", text)
	}
}
