package report

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/partita-dev/partita/history"
)

// sampleBins are the moments of the run whose slowest operations are kept.
const (
	sampleBins = 400
	slowest    = 5
)

// choose gives the positions of at most n calls for the latency chart: each that was not ok (evenly thinned
// past n/2), the slowest of each moment, and an even sample of the rest.
func choose(calls []call, last time.Duration, n int) []int {
	if len(calls) <= n {
		all := make([]int, len(calls))
		for i := range all {
			all[i] = i
		}
		return all
	}
	keep := make([]bool, len(calls))
	var odd []int
	top := make([][]int, sampleBins)
	for i, c := range calls {
		if c.out != history.OK {
			odd = append(odd, i)
			continue
		}
		b := int(float64(c.start) / float64(last+1) * sampleBins)
		b = min(max(b, 0), sampleBins-1)
		t := top[b]
		if len(t) == slowest && calls[t[slowest-1]].took >= c.took {
			continue
		}
		at, _ := slices.BinarySearchFunc(t, c.took, func(j int, took time.Duration) int {
			if calls[j].took > took {
				return -1
			}
			return 1
		})
		t = slices.Insert(t, at, i)
		top[b] = t[:min(len(t), slowest)]
	}
	kept := 0
	mark := func(i int) {
		if !keep[i] && kept < n {
			keep[i] = true
			kept++
		}
	}
	for _, i := range thin(odd, n/2) {
		mark(i)
	}
	for _, t := range top {
		for _, i := range t {
			mark(i)
		}
	}
	var rest []int
	for i := range calls {
		if !keep[i] && calls[i].out == history.OK {
			rest = append(rest, i)
		}
	}
	for _, i := range thin(rest, n-kept) {
		mark(i)
	}
	var out []int
	for i, k := range keep {
		if k {
			out = append(out, i)
		}
	}
	return out
}

// thin takes at most n of the positions, evenly.
func thin(at []int, n int) []int {
	if len(at) <= n {
		return at
	}
	out := make([]int, 0, max(n, 0))
	for i := range n {
		out = append(out, at[i*len(at)/n])
	}
	return out
}

// points are the columns of the latency chart, ordered by time.
type points struct {
	T     []num    `json:"t"` // seconds since the run began, of the invocation
	L     []num    `json:"l"` // milliseconds
	F     []int    `json:"f"`
	O     []int    `json:"o"` // 0 ok, 1 fail, 2 info
	Text  []string `json:"x"` // what is shown when hovering
	Of    int      `json:"of"`
	Shown int      `json:"shown"`
}

// num is a number in the page's data; NaN is written as null.
type num float64

// MarshalJSON writes four digits after the point at most.
func (n num) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(f*1e4)/1e4, 'f', -1, 64), nil
}

var outcomeIDs = map[history.Type]int{history.OK: 0, history.Fail: 1, history.Info: 2}

// scatter reads the history again for the words of the chosen calls.
func scatter(ops iter.Seq2[history.Op, error], s *scanned, lim limits) points {
	chosen := choose(s.calls, s.last, lim.points)
	type point struct {
		c    call
		text string
	}
	ps := make([]point, 0, len(chosen))
	at, next := 0, 0
	_, _ = pairs(ops, func(p opPair) { // the error, if any, is the one that scan met
		if next < len(chosen) && chosen[next] == at && at < len(s.calls) {
			ps = append(ps, point{s.calls[at], hoverText(p, lim.value)})
			next++
		}
		at++
	})
	slices.SortStableFunc(ps, func(a, b point) int { return cmp.Compare(a.c.start, b.c.start) })
	out := points{Of: len(s.calls), Shown: len(ps),
		T: []num{}, L: []num{}, F: []int{}, O: []int{}, Text: []string{}}
	for _, p := range ps {
		out.T = append(out.T, num(p.c.start.Seconds()))
		out.L = append(out.L, num(max(0.001, float64(p.c.took)/1e6)))
		out.F = append(out.F, int(p.c.f))
		out.O = append(out.O, outcomeIDs[p.c.out])
		out.Text = append(out.Text, p.text)
	}
	return out
}
