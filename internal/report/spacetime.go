package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// diagram is a space-time diagram laid out for the template: a row for each process, a bar for each operation
// from its invocation to its completion, time to the right.
type diagram struct {
	W, H, Top, Bottom, Left, Right float64
	Title                          string
	Rows                           []dRow
	Bars                           []dBar
	Shades                         []dShade
	Ticks                          []dTick
	Linear                         bool // the axis is to scale
}

type dRow struct {
	Y, Line float64
	Process string
	Node    string
}

type dBar struct {
	X, Y, W, H    float64
	Class         string // ok, fail, info
	Open          bool
	Label, Title  string
	LabelX, TextY float64
}

type dShade struct {
	X, W, Y, LabelX float64
	Class           string // commanded, observed
	Label           string
}

type dTick struct {
	X       float64
	Label   string
	Visible bool
}

// The measures of a diagram, in SVG units, which are CSS pixels at full width.
const (
	dLeft, dRight, dRowHeight, dBarHeight = 104.0, 24.0, 48.0, 16.0
	dMinWidth                             = 1004.0
	dCharWidth                            = 7.0
	dMaxCalls                             = 40
)

// moment is one place on the axis.
type moment struct {
	time  time.Duration
	index int64
	edge  bool // a fault's, which comes before the event with its index
	x     float64
}

// spacetime lays out operations and the faults around them. Order along the axis is exact. Where bars would be
// too narrow to see at scale, long stretches without any event are compressed, and Linear is false.
func spacetime(ps []opPair, windows []history.Window) diagram {
	d := diagram{Left: dLeft, Linear: true}
	slices.SortFunc(ps, func(a, b opPair) int { return cmp.Compare(a.Inv.Index, b.Inv.Index) })
	if len(ps) > dMaxCalls {
		ps = ps[:dMaxCalls]
	}
	rows := rowsOf(ps)

	from, to := ps[0].start(), ps[0].start()
	var ms []*moment
	begins, ends := make([]*moment, len(ps)), make([]*moment, len(ps))
	add := func(t time.Duration, index int64, edge bool) *moment {
		m := &moment{time: t, index: index, edge: edge}
		ms = append(ms, m)
		return m
	}
	for i, p := range ps {
		begins[i] = add(p.start(), p.Inv.Index, false)
		to = max(to, p.start())
		if p.Done.Type != history.Info {
			ends[i] = add(p.end(), p.Done.Index, false)
			to = max(to, p.end())
		}
	}
	type shaded struct {
		w        history.Window
		class    string
		from, to *moment // nil: before the diagram begins, after it ends
	}
	var shades []shaded
	for _, w := range windows {
		for _, s := range []struct {
			span  history.Span
			class string
		}{{w.Commanded, "commanded"}, {w.Observed, "observed"}} {
			if !s.span.From.Happened() || s.span.From.Time > to || s.span.To.Happened() && s.span.To.Time < from {
				continue
			}
			sh := shaded{w: w, class: s.class}
			if s.span.From.Time > from {
				sh.from = add(s.span.From.Time, s.span.From.Index, true)
			}
			if s.span.To.Happened() && s.span.To.Time < to {
				sh.to = add(s.span.To.Time, s.span.To.Index, true)
			}
			shades = append(shades, sh)
		}
	}
	slices.SortStableFunc(ms, func(a, b *moment) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.index, b.index), cmp.Compare(rank(a), rank(b)))
	})
	labels := make([]string, len(ps))
	for i, p := range ps {
		labels[i] = opWords(p, 16) + map[history.Type]string{history.Fail: " ✗", history.Info: " ?"}[p.Done.Type]
	}
	d.W = place(&d, ms, ps, begins, labels)

	labelled := map[string]float64{}
	for _, sh := range shades {
		x0, x1 := d.Left-8, d.W-d.Right+16
		if sh.from != nil {
			x0 = sh.from.x
		}
		if sh.to != nil {
			x1 = sh.to.x
		}
		s := dShade{X: x0, W: max(2, x1-x0), Class: sh.class, LabelX: x0 + 4}
		if _, done := labelled[sh.w.ID]; !done {
			s.Y = float64(len(labelled))*15 + 12
			labelled[sh.w.ID] = s.Y
			s.Label = plain(clip(sh.w.ID+" "+sh.w.Fault, 40))
			if !sh.w.Observed.From.Happened() {
				s.Label += " (never observed)"
			}
		}
		d.Shades = append(d.Shades, s)
	}
	d.Top = float64(len(labelled))*15 + 10
	d.Bottom = d.Top + float64(len(rows))*dRowHeight + 6
	d.H = d.Bottom + 26
	line := map[int32]float64{}
	for i, p := range rows {
		y := d.Top + float64(i)*dRowHeight
		line[p.Inv.Process] = y
		d.Rows = append(d.Rows, dRow{Y: y, Line: y + 30, Process: fmt.Sprintf("p%d", p.Inv.Process), Node: plain(clip(p.Inv.Node, 12))})
	}
	for i, p := range ps {
		y := line[p.Inv.Process]
		b := dBar{X: begins[i].x, Y: y + 22, H: dBarHeight, TextY: y + 17, LabelX: begins[i].x, Class: p.Done.Type.String(),
			Label: labels[i], Title: hoverText(p, 200) + " · " + span(p)}
		if ends[i] != nil {
			b.W = max(4, ends[i].x-b.X)
		} else {
			b.W, b.Open = max(4, d.W-d.Right+16-b.X), true
		}
		d.Bars = append(d.Bars, b)
	}
	d.Ticks = ticks(ms)
	d.Title = fmt.Sprintf("Space-time diagram of %s by %s", plural(len(ps), "operation"), plural(len(rows), "process"))
	if len(rows) != 1 {
		d.Title = fmt.Sprintf("Space-time diagram of %s by %d processes", plural(len(ps), "operation"), len(rows))
	}
	return d
}

// rowsOf gives one operation of each process, those of one node together.
func rowsOf(ps []opPair) []opPair {
	var rows []opPair
	for _, p := range ps {
		if !slices.ContainsFunc(rows, func(r opPair) bool { return r.Inv.Process == p.Inv.Process }) {
			rows = append(rows, p)
		}
	}
	slices.SortStableFunc(rows, func(a, b opPair) int {
		return cmp.Or(cmp.Compare(a.Inv.Node, b.Inv.Node), cmp.Compare(a.Inv.Process, b.Inv.Process))
	})
	return rows
}

func rank(m *moment) int {
	if m.edge {
		return 0
	}
	return 1
}

// place gives each moment its x and returns the width of the whole.
func place(d *diagram, ms []*moment, ps []opPair, begins []*moment, labels []string) float64 {
	d.Right = dRight
	inner := dMinWidth - dLeft - dRight
	total := ms[len(ms)-1].time - ms[0].time
	// To scale, when each stretch between two events can be seen.
	smallest := time.Duration(math.MaxInt64)
	for i := 1; i < len(ms); i++ {
		smallest = min(smallest, ms[i].time-ms[i-1].time)
	}
	d.Linear = len(ms) < 2 || total > 0 && float64(smallest)/float64(total)*inner >= 12
	unit := max(smallest, total/10_000, 10*time.Microsecond)
	gap := func(dt time.Duration) float64 {
		if d.Linear {
			return float64(dt) / float64(max(total, 1)) * inner
		}
		return 16 + min(150, 24*math.Log2(1+float64(dt)/float64(unit)))
	}
	// A label must end before the next one of its row begins.
	lastOf := map[int32]int{}
	needs := map[*moment]float64{}
	x := dLeft
	order := make(map[*moment]int, len(begins))
	for i, m := range begins {
		order[m] = i
	}
	for k, m := range ms {
		if k > 0 {
			x += gap(m.time - ms[k-1].time)
		}
		if i, ok := order[m]; ok {
			if j, ok := lastOf[ps[i].Inv.Process]; ok {
				if need := begins[j].x + needs[begins[j]]; x < need {
					x, d.Linear = need, false
				}
			}
			lastOf[ps[i].Inv.Process] = i
			needs[m] = float64(len([]rune(labels[i])))*dCharWidth + 12
		}
		m.x = x
	}
	// Spread what is narrower than the page.
	if used := x - dLeft; used > 0 && used < inner {
		for _, m := range ms {
			m.x = dLeft + (m.x-dLeft)*inner/used
		}
		x = dLeft + inner
	}
	end := x + 12
	for _, i := range lastOf {
		end = max(end, begins[i].x+needs[begins[i]])
	}
	return max(end+dRight, dMinWidth)
}

// ticks labels as many moments as fit.
func ticks(ms []*moment) []dTick {
	var out []dTick
	free := math.Inf(-1)
	for _, m := range ms {
		t := dTick{X: m.x, Label: at(m.time), Visible: m.x >= free}
		if t.Visible {
			free = m.x + 72
		}
		out = append(out, t)
	}
	return out
}

// span writes when an operation began and ended.
func span(p opPair) string {
	if p.Done.Type == history.Info {
		return "from " + at(p.start()) + ", never known to end"
	}
	return "from " + at(p.start()) + " to " + at(p.end())
}
