package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

func pairOf(process int32, f string, from, to int64, fromT, toT time.Duration, out history.Type) opPair {
	inv := history.Op{Index: from, Time: fromT, Process: process, Type: history.Invoke, F: f, Node: "n1", Value: "1"}
	done := inv
	done.Index, done.Time, done.Type = to, toT, out
	return opPair{Inv: inv, Done: done}
}

// Order on the axis is the order of the events, also between events of one nanosecond, and however uneven their times.
func TestTheAxisKeepsTheOrderOfEvents(t *testing.T) {
	ps := []opPair{
		pairOf(1, "write", 0, 3, 0, time.Millisecond, history.OK),
		pairOf(2, "write", 1, 2, 0, time.Millisecond, history.OK),
		pairOf(3, "read", 4, 5, time.Hour, time.Hour, history.OK),
		pairOf(1, "read", 6, 7, time.Hour, time.Hour+time.Microsecond, history.Fail),
	}
	d := spacetime(slices.Clone(ps), nil)
	if d.Linear {
		t.Error("an hour beside a microsecond cannot be to scale")
	}
	type event struct {
		index int64
		x     float64
	}
	var es []event
	for i, b := range d.Bars { // sorted by invocation, as ps is
		es = append(es, event{ps[i].Inv.Index, b.X}, event{ps[i].Done.Index, b.X + b.W})
	}
	slices.SortFunc(es, func(a, b event) int { return int(a.index - b.index) })
	for i := 1; i < len(es); i++ {
		if es[i].x < es[i-1].x+4 {
			t.Errorf("event %d stands at %.1f, not clearly after event %d at %.1f", es[i].index, es[i].x, es[i-1].index, es[i-1].x)
		}
	}
	last := d.Bars[len(d.Bars)-1]
	if last.X+last.W > d.W || d.W < dMinWidth {
		t.Errorf("the last bar ends at %.1f of %.1f", last.X+last.W, d.W)
	}
}

// Labels of one row never overlap, however close the operations are.
func TestLabelsOfARowDoNotOverlap(t *testing.T) {
	var ps []opPair
	for i := range int64(20) {
		p := pairOf(1, "write", 2*i, 2*i+1, 2*time.Duration(i), 2*time.Duration(i)+1, history.OK)
		p.Inv.Value = history.Str(strings.Repeat("x", 40))
		ps = append(ps, p)
	}
	d := spacetime(ps, nil)
	for i := 1; i < len(d.Bars); i++ {
		a, b := d.Bars[i-1], d.Bars[i]
		if end := a.LabelX + float64(len([]rune(a.Label)))*dCharWidth; end > b.LabelX {
			t.Fatalf("label %d ends at %.1f, the next begins at %.1f", i-1, end, b.LabelX)
		}
	}
}

// A few operations fill the page, and the last label is not cut off by its edge.
func TestTheLastLabelIsOnThePage(t *testing.T) {
	for name, from := range map[string]time.Duration{"compressed": 9 * time.Second, "to scale": 1010 * time.Millisecond} {
		last := pairOf(2, "read", 5, 6, from, from+30*time.Millisecond, history.OK)
		last.Done.Value = "123456789012"
		first := pairOf(1, "write", 0, 1, 900*time.Millisecond, time.Second-10*time.Millisecond, history.OK)
		d := spacetime([]opPair{first, last}, nil)
		if d.Linear != (name == "to scale") {
			t.Errorf("%s: linear is %v", name, d.Linear)
		}
		b := d.Bars[1]
		if end := b.LabelX + float64(len([]rune(b.Label)))*dCharWidth; end > d.W || d.W > dMinWidth+1 {
			t.Errorf("%s: the label %q ends at %.1f of %.1f; the page has %.1f", name, b.Label, end, d.W, dMinWidth)
		}
		if b.X < dMinWidth/2 {
			t.Errorf("%s: the last operation stands at %.1f: the page is not used", name, b.X)
		}
	}
}

// An operation whose end nobody knows has a bar that never ends, beyond everything else.
func TestAnIndeterminateBarNeverEnds(t *testing.T) {
	d := spacetime([]opPair{
		pairOf(1, "write", 0, 1, 0, time.Second, history.Info),
		pairOf(2, "read", 5, 6, 9*time.Second, 10*time.Second, history.OK),
	}, nil)
	if !d.Bars[0].Open || d.Bars[1].Open {
		t.Fatalf("open: %v, %v; want true, false", d.Bars[0].Open, d.Bars[1].Open)
	}
	if end := d.Bars[0].X + d.Bars[0].W; end <= d.Bars[1].X+d.Bars[1].W {
		t.Errorf("the open bar ends at %.1f, before the last completion", end)
	}
}

// A window's edges stand between the events they were between.
func TestAWindowBeginsWhereItWasSeen(t *testing.T) {
	w := history.Window{ID: "w1", Fault: "partition:one",
		Commanded: history.Span{From: history.Point{Index: 2, Time: 2 * time.Second}, To: history.Point{Index: 9, Time: 99 * time.Second}},
		Observed:  history.Span{From: history.Point{Index: 2, Time: 2100 * time.Millisecond}, To: history.Never}}
	ps := []opPair{
		pairOf(1, "write", 0, 1, time.Second, 1500*time.Millisecond, history.OK),
		pairOf(2, "read", 2, 3, 3*time.Second, 4*time.Second, history.OK),
	}
	d := spacetime(ps, []history.Window{w})
	if len(d.Shades) != 2 {
		t.Fatalf("%d shades, want commanded and observed", len(d.Shades))
	}
	for _, s := range d.Shades {
		if s.X < d.Bars[0].X+d.Bars[0].W || s.X > d.Bars[1].X {
			t.Errorf("%s begins at %.1f, want between %.1f and %.1f", s.Class, s.X, d.Bars[0].X+d.Bars[0].W, d.Bars[1].X)
		}
	}
	if d.Shades[0].X >= d.Shades[1].X {
		t.Error("observed does not begin after commanded")
	}
	if late := spacetime(ps[:1], []history.Window{w}); len(late.Shades) != 0 {
		t.Error("a window that began after all operations is shaded")
	}
}
