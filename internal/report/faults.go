package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// windowView is one fault window as the page shows it.
type windowView struct {
	ID, Fault                      string
	Harmed, Sides                  string
	Commanded, Observed, Recovered string
	Delay                          string // from command to observation
	Seen, Healed                   bool
	Never                          bool // commanded and never observed
	Bars                           []wBar
	Edges                          []edgeView
	Nodes                          []nodeView // of a fault of processes
	Graph                          *graph
	Rules                          []ruleView
	Errors                         []string
	Empty                          bool // there is no certificate
}

type wBar struct {
	X, W, Y float64
	Class   string
}

type ruleView struct{ Node, Text string }

// chartWindow is a window in the data of the charts, in seconds; null where it never happened.
type chartWindow struct {
	ID    string `json:"id"`
	Fault string `json:"fault"`
	CFrom num    `json:"cf"`
	CTo   num    `json:"ct"`
	OFrom num    `json:"of"`
	OTo   num    `json:"ot"`
}

func chartWindows(ws []history.Window, last time.Duration) []chartWindow {
	out := []chartWindow{}
	sec := func(p history.Point, open bool) num {
		switch {
		case p.Happened():
			return num(p.Time.Seconds())
		case open:
			return num(last.Seconds())
		}
		return num(math.NaN())
	}
	for _, w := range ws[:min(len(ws), 500)] {
		out = append(out, chartWindow{plain(clip(w.ID, 20)), plain(clip(w.Fault, 40)),
			sec(w.Commanded.From, false), sec(w.Commanded.To, w.Commanded.From.Happened()),
			sec(w.Observed.From, false), sec(w.Observed.To, w.Observed.From.Happened())})
	}
	return out
}

func viewWindow(w history.Window, last time.Duration) windowView {
	v := windowView{ID: plain(clip(w.ID, 40)), Fault: plain(clip(w.Fault, 80)), Harmed: strings.Join(w.Harmed, ", "),
		Seen: w.Observed.From.Happened(), Healed: w.Recovered.Happened(),
		Commanded: spanText(w.Commanded, "never"), Observed: spanText(w.Observed, "never: it did not happen"), Recovered: "never seen"}
	v.Never = !v.Seen
	if v.Healed {
		v.Recovered = at(w.Recovered.Time)
		if w.Commanded.To.Happened() {
			v.Recovered += ", " + dur(max(0, w.Recovered.Time-w.Commanded.To.Time)) + " after the healing was commanded"
		}
	}
	if v.Seen && w.Commanded.From.Happened() {
		v.Delay = dur(max(0, w.Observed.From.Time-w.Commanded.From.Time))
	}
	sides := make([]string, len(w.Sides))
	for i, s := range w.Sides {
		sides[i] = strings.Join(s, ", ")
	}
	v.Sides = strings.Join(sides, "  |  ")
	v.Bars = windowBars(w, last)
	for _, e := range w.Errors[:min(len(w.Errors), 10)] {
		v.Errors = append(v.Errors, clip(e, 400))
	}
	var spec struct {
		Edges []cluster.Edge `json:"edges"`
	}
	_ = w.Spec.Decode(&spec) // a fault that is no cut has no edges
	c := readCertificate(w.Evidence)
	v.Edges = c.edges(spec.Edges)
	v.Nodes = readHarm(w.Evidence)
	v.Empty = len(c.Before)+len(c.During)+len(c.After)+len(v.Nodes) == 0
	if len(v.Edges) > 0 {
		v.Graph = drawGraph(w.Sides, v.Edges)
	}
	for _, node := range slices.Sorted(maps.Keys(c.Rules)) {
		v.Rules = append(v.Rules, ruleView{node, clip(c.Rules[node], 4000)})
	}
	return v
}

func spanText(s history.Span, never string) string {
	switch {
	case !s.From.Happened():
		return never
	case !s.To.Happened():
		return "from " + at(s.From.Time) + " to the end of the run"
	}
	return "from " + at(s.From.Time) + " to " + at(s.To.Time) + " (" + dur(s.To.Time-s.From.Time) + ")"
}

// windowBars draws when the fault was commanded and observed, over the length of the run (1000 units).
func windowBars(w history.Window, last time.Duration) []wBar {
	var bars []wBar
	x := func(t time.Duration) float64 { return 1000 * min(1, float64(t)/float64(max(last, 1))) }
	for _, b := range []struct {
		s     history.Span
		class string
		y     float64
	}{{w.Commanded, "commanded", 0}, {w.Observed, "observed", 9}} {
		if !b.s.From.Happened() {
			continue
		}
		to := last
		if b.s.To.Happened() {
			to = b.s.To.Time
		}
		bars = append(bars, wBar{x(b.s.From.Time), max(3, x(to)-x(b.s.From.Time)), b.y, b.class})
	}
	if w.Recovered.Happened() {
		bars = append(bars, wBar{x(w.Recovered.Time), 3, 0, "recovered"})
	}
	return bars
}

// graph is the nodes on a circle and an arrow for each commanded cut.
type graph struct {
	Nodes  []gNode
	Arrows []gArrow
	Title  string
	Open   bool // some direction was probed that was not cut
}

type gNode struct {
	X, Y, TextY float64
	Name        string
	Side        int
}

type gArrow struct {
	X1, Y1, X2, Y2 float64
	Class          string
}

func drawGraph(sides [][]string, edges []edgeView) *graph {
	side := map[string]int{}
	var names []string
	add := func(n string, s int) {
		if _, ok := side[n]; !ok {
			side[n] = s
			names = append(names, n)
		}
	}
	for i, s := range sides {
		for _, n := range s {
			add(n, i%3)
		}
	}
	var rest []string
	for _, e := range edges {
		rest = append(rest, e.From, e.To)
	}
	slices.SortFunc(rest, cmp.Compare[string])
	for _, n := range rest {
		add(n, 0)
	}
	names = names[:min(len(names), 16)]
	g := &graph{Title: "Which node must not hear which"}
	pos := map[string][2]float64{}
	for i, n := range names {
		a := 2*math.Pi*float64(i)/float64(len(names)) - math.Pi
		x, y := 130+86*math.Cos(a), 110+78*math.Sin(a)
		pos[n] = [2]float64{x, y}
		g.Nodes = append(g.Nodes, gNode{x, y, y + 4, plain(clip(n, 6)), side[n]})
	}
	for _, e := range edges {
		a, okA := pos[e.From]
		b, okB := pos[e.To]
		if !okA || !okB || a == b {
			continue
		}
		dx, dy := b[0]-a[0], b[1]-a[1]
		l := math.Hypot(dx, dy)
		dx, dy = dx/l, dy/l
		ox, oy := -dy*5, dx*5 // beside the arrow of the other direction
		class := "free"
		g.Open = g.Open || !e.Cut
		switch {
		case e.Cut && e.Proven:
			class = "proven"
		case e.Cut:
			class = "unproven"
		}
		g.Arrows = append(g.Arrows, gArrow{a[0] + dx*22 + ox, a[1] + dy*22 + oy, b[0] - dx*26 + ox, b[1] - dy*26 + oy, class})
	}
	return g
}
