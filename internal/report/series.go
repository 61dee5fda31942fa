package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/partita-dev/partita/history"
)

// maxBins is the most bins a series has.
const maxBins = 240

// series are the binned columns of the rate and quantile charts.
type series struct {
	Width num   `json:"w"` // seconds
	T     []num `json:"t"` // the middle of each bin, in seconds
	OK    []num `json:"ok"`
	Fail  []num `json:"fail"`
	Info  []num `json:"info"` // completions per second
	P50   []num `json:"p50"`
	P95   []num `json:"p95"`
	P99   []num `json:"p99"`
	Max   []num `json:"max"` // milliseconds, of ok operations; null where there was none
}

// binWidth is the smallest round width with which the run has at most maxBins bins.
func binWidth(last time.Duration) time.Duration {
	for w := 500 * time.Millisecond; ; {
		for _, m := range []time.Duration{1, 2, 4, 10} { // 0.5 s, 1 s, 2 s, 5 s, 10 s, …
			if last/(w*m) < maxBins {
				return w * m
			}
		}
		w *= 10
	}
}

// bin counts completions and measures latencies over time, by when the completion came.
func bin(s *scanned) series {
	out := series{T: []num{}, OK: []num{}, Fail: []num{}, Info: []num{}, P50: []num{}, P95: []num{}, P99: []num{}, Max: []num{}}
	if len(s.calls) == 0 {
		return out
	}
	w := binWidth(s.last)
	out.Width = num(w.Seconds())
	calls := slices.Clone(s.calls)
	slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.end, b.end) })
	// One histogram, emptied for each bin: microseconds up to an hour, to 1 %.
	h := hdrhistogram.New(1, int64(time.Hour/time.Microsecond), 2)
	at := 0
	for b := time.Duration(0); b*w <= s.last; b++ {
		h.Reset()
		n := map[history.Type]float64{}
		for ; at < len(calls) && calls[at].end < (b+1)*w; at++ {
			n[calls[at].out]++
			if calls[at].out == history.OK {
				us := min(max(int64(calls[at].took/time.Microsecond), 1), h.HighestTrackableValue())
				_ = h.RecordValue(us) // within its bounds it cannot fail
			}
		}
		out.T = append(out.T, num((float64(b)+0.5)*w.Seconds()))
		out.OK = append(out.OK, num(n[history.OK]/w.Seconds()))
		out.Fail = append(out.Fail, num(n[history.Fail]/w.Seconds()))
		out.Info = append(out.Info, num(n[history.Info]/w.Seconds()))
		q := func(p float64) num {
			if h.TotalCount() == 0 {
				return num(math.NaN())
			}
			return num(float64(h.ValueAtQuantile(p)) / 1e3)
		}
		out.P50 = append(out.P50, q(50))
		out.P95 = append(out.P95, q(95))
		out.P99 = append(out.P99, q(99))
		out.Max = append(out.Max, q(100))
	}
	return out
}
