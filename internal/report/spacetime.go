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

// place gives each moment its x and returns the width of the whole: that of the page, if everything fits.
func place(d *diagram, ms []*moment, ps []opPair, begins []*moment, labels []string) float64 {
	d.Right = dRight
	inner := dMinWidth - dLeft - dRight
	total := ms[len(ms)-1].time - ms[0].time
	// To scale, when each stretch between two events can be seen.
	smallest := time.Duration(math.MaxInt64)
	for i := 1; i < len(ms); i++ {
		smallest = min(smallest, ms[i].time-ms[i-1].time)
	}
	toScale := len(ms) < 2 || total > 0 && float64(smallest)/float64(total)*inner >= 16
	unit := max(smallest, total/10_000, 10*time.Microsecond)
	call := make(map[*moment]int, len(begins))
	need := map[*moment]float64{} // the room of a label
	for i, m := range begins {
		call[m] = i
		need[m] = float64(len([]rune(labels[i])))*dCharWidth + 12
	}
	// lay places everything with gaps of some size, and says where the last bar and the last label end.
	lay := func(size float64) (bars, end float64) {
		last := map[int32]*moment{} // the call before, of each process
		d.Linear = toScale
		x := dLeft
		for k, m := range ms {
			if k > 0 {
				dt := float64(m.time - ms[k-1].time)
				if toScale {
					x += size * inner * dt / float64(max(total, 1))
				} else {
					x += size * (16 + min(150, 24*math.Log2(1+dt/float64(unit))))
				}
			}
			if i, ok := call[m]; ok {
				p := ps[i].Inv.Process
				if before := last[p]; before != nil && x < before.x+need[before] {
					x, d.Linear = before.x+need[before], false // its label must end before this one begins
				}
				last[p] = m
			}
			m.x = x
		}
		end = x + 12
		for _, m := range last {
			end = max(end, m.x+need[m])
		}
		return x, end
	}
	page := dLeft + inner
	size := 1.0
	bars, end := lay(size)
	for ; end > page && size > 0.4; bars, end = lay(size) {
		size -= 0.05
	}
	if stretch := (page - dLeft) / (end - dLeft); stretch > 1 && bars > dLeft {
		for _, m := range ms {
			m.x = dLeft + (m.x-dLeft)*stretch
		}
		end = page
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
