package txn

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/partita-dev/partita/history"
)

var parsed = []string{
	`[]`, `[["r","x",null]]`, `[["append",5,1],["r","x",[1,2,-3]]]`, `[["w","x",2],["r","y",0]]`, `[ ["r" , "x", [1, 2]] ]`,
	`[["r","x",["a]","b\"],[\"r\""]]]`, `[["r","x",[[1],{"a":[2]}]]]`, `[["append","x","\u00e4"],["append","k\"ey",{"a":1}]]`, `[["r","x",["]]"]]]`,
	`[["r","x",1.5e3],["r","x",true]]`, `[["r","x",[]],["r","x",[null]]]`, `null`, `3`, `[3]`, `[["r","x"]]`, `[["r","x",1,2]]`, `[["r"]]`, `[[]]`, `[["r","x",[1]]`,
	`[["r",null,1]]`, `[["r",1.5,1]]`, `[["r",["x"],1]]`, `{"r":1}`, `"r"`, ``,
}

// agrees compares the fast reader with encoding/json: what it accepts says the same.
func agrees(t *testing.T, text string) {
	t.Helper()
	var r reader
	if !json.Valid([]byte(text)) {
		_, _ = r.mops(history.Value(text)) // anything but a panic
		return
	}
	want, ok := history.Value(text).Txn()
	got, err := r.mops(history.Value(text))
	if (err == nil) != ok {
		t.Fatalf("%s: %v, expected ok=%v", text, err, ok)
	}
	if len(got) != len(want) && ok {
		t.Fatalf("%s: %d micro-operations, expected %d", text, len(got), len(want))
	}
	for i := range want {
		g := got[i]
		if g.f != want[i].F || g.key != want[i].Key || compacted(g.value) != compacted(want[i].Value.JSON()) {
			t.Fatalf("%s: %+v, expected %+v", text, g, want[i])
		}
		if g.at >= 0 && text[g.at:int(g.at)+len(g.value)] != g.value {
			t.Fatalf("%s: %q does not stand at %d", text, g.value, g.at)
		}
		es, isList := elements(g.value)
		if ws, ok := want[i].Value.List(); ok || want[i].Value.IsNil() {
			texts := make([]string, len(ws))
			for j := range ws {
				texts[j] = compacted(ws[j].JSON())
			}
			if !isList || !slices.Equal(es, texts) && g.at >= 0 {
				t.Fatalf("%s: elements %q of %s, expected %q", text, es, g.value, texts)
			}
		}
	}
}

func TestTheFastReaderAgreesWithTheSlowOne(t *testing.T) {
	for _, s := range parsed {
		agrees(t, s)
	}
	r := rand.New(rand.NewPCG(5, 6))
	const letters = `[]{}",:0123456789-rwx \nul`
	for range 50_000 {
		b := []byte(parsed[r.IntN(len(parsed))])
		for range 1 + r.IntN(3) {
			if len(b) == 0 {
				break
			}
			i := r.IntN(len(b))
			switch r.IntN(3) {
			case 0:
				b[i] = letters[r.IntN(len(letters))]
			case 1:
				b = slices.Delete(b, i, i+1)
			case 2:
				b = slices.Insert(b, i, letters[r.IntN(len(letters))])
			}
		}
		agrees(t, string(b))
	}
}

func FuzzMops(f *testing.F) {
	for _, s := range parsed {
		f.Add(s)
	}
	f.Fuzz(agrees)
}
