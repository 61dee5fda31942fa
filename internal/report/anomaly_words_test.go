package report

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// The words on faults claim no more than the times do: an operation after the window was not in it.
func TestFaultsAtTheTimeOfAnAnomaly(t *testing.T) {
	point := func(i int64, s float64) history.Point {
		return history.Point{Index: i, Time: time.Duration(s * float64(time.Second))}
	}
	op := func(i int64, from, to float64) opPair {
		return opPair{Inv: history.Op{Index: i, Time: point(i, from).Time, Type: history.Invoke}, Done: history.Op{Index: i + 1, Time: point(i, to).Time, Type: history.OK}}
	}
	window := func(id string, from, to float64) history.Window {
		w := history.Window{ID: id, Fault: "partition:one", Observed: history.Span{From: point(0, from), To: point(9, to)}}
		if to == 0 {
			w.Observed.To = history.Point{Index: -1}
		}
		return w
	}
	ps := []opPair{op(1, 5, 6), op(3, 9, 10)}
	for _, c := range []struct {
		name    string
		windows []history.Window
		want    string
	}{
		{"all within", []history.Window{window("w1", 4, 12)}, "While partition:one (w1, seen from 4.000 s to 12.000 s) was in force."},
		{"the last one after it", []history.Window{window("w1", 4, 7)}, "While partition:one (w1, seen from 4.000 s to 7.000 s) was in force; the last of these operations began 2 s after that had ended."},
		{"one window over, one not", []history.Window{window("w1", 4, 7), window("w2", 6, 0)}, "While partition:one (w1, seen from 4.000 s to 7.000 s) and partition:one (w2, seen from 6.000 s on) was in force."},
		{"all after it", []history.Window{window("w1", 1, 3)}, "No fault was in force; partition:one (w1) had ended 2 s before."},
		{"none", nil, "No fault was injected in this run."},
	} {
		if got := faultAt(ps, c.windows); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The diagram and the sentence beside it call an empty register the same.
func TestAnEmptyAnswerIsNil(t *testing.T) {
	p := opPair{Inv: history.Op{F: "read"}, Done: history.Op{F: "read", Type: history.OK}}
	if got := opWords(p, 16); got != "read → nil" {
		t.Errorf("%q", got)
	}
}
