package report

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// opPair is one operation with both its events. Done.Type is Info when the history ends before the completion,
// and then Open is set.
type opPair struct {
	Inv, Done history.Op
	Open      bool
}

// start is when the operation was invoked.
func (p opPair) start() time.Duration { return p.Inv.Time }

// end is when its completion was recorded.
func (p opPair) end() time.Duration { return p.Done.Time }

// took is the latency: the worker's own measure when there is one.
func (p opPair) took() time.Duration {
	if p.Done.Took > 0 {
		return p.Done.Took
	}
	return max(0, p.Done.Time-p.Inv.Time)
}

// maxTime bounds the times of a history, so that no sum of them overflows.
const maxTime = 10 * 365 * 24 * time.Hour

// pairs goes through the clients' operations in the order of their completions; those that never completed come
// last. Unlike history.NewView it takes anything: a page has to be drawn of a history that no checker accepts.
func pairs(ops iter.Seq2[history.Op, error], each func(opPair)) (last time.Duration, err error) {
	if ops == nil {
		return 0, nil
	}
	open := map[int32]history.Op{}
	for o, e := range ops {
		if e != nil {
			err = e
			break
		}
		o.Time = min(max(0, o.Time), maxTime)
		last = max(last, o.Time)
		if !o.Client() {
			continue
		}
		if o.Type != history.Invoke && o.Type != history.OK && o.Type != history.Fail {
			o.Type = history.Info
		}
		inv, was := open[o.Process]
		switch {
		case o.Type == history.Invoke:
			if was {
				each(unfinished(inv, o.Time))
			}
			open[o.Process] = o
		case was:
			delete(open, o.Process)
			each(opPair{Inv: inv, Done: o})
		default: // a completion alone, as loose files have them
			inv = o
			inv.Type, inv.Time, inv.Value = history.Invoke, max(0, o.Time-o.Took), ""
			each(opPair{Inv: inv, Done: o})
		}
	}
	left := make([]history.Op, 0, len(open))
	for _, inv := range open {
		left = append(left, inv)
	}
	slices.SortFunc(left, func(a, b history.Op) int { return cmp.Compare(a.Index, b.Index) })
	for _, inv := range left {
		each(unfinished(inv, last))
	}
	return last, err
}

func unfinished(inv history.Op, at time.Duration) opPair {
	done := inv
	done.Type, done.Time, done.Value, done.Took = history.Info, at, "", 0
	return opPair{Inv: inv, Done: done, Open: true}
}

// call is what the charts need of an operation, small enough to keep millions.
type call struct {
	start, end, took time.Duration
	f                uint8 // position in scanned.fs
	out              history.Type
}

// scanned is a history gone through once.
type scanned struct {
	calls  []call // in the order of pairs
	fs     []string
	last   time.Duration // the time of the last event
	counts map[history.Type]int64
	wanted map[int64]opPair // by the index of either event
	deaths []history.Op     // the nemesis's events of databases that died by themselves, the first of them
	err    error            // where reading stopped
}

// maxFs bounds the kinds of operation told apart: the rest is "other".
const maxFs = 8

// scan keeps of a history what the page needs; want holds the indices of the events that prove anomalies.
func scan(ops iter.Seq2[history.Op, error], want map[int64]bool) *scanned {
	s := &scanned{counts: map[history.Type]int64{}, wanted: map[int64]opPair{}}
	ids := map[string]uint8{}
	s.last, s.err = pairs(s.noting(ops), func(p opPair) {
		id, ok := ids[p.Inv.F]
		if !ok {
			if len(s.fs) == maxFs {
				s.fs = append(s.fs, "other")
			}
			id = uint8(min(len(s.fs), maxFs))
			if id < maxFs {
				s.fs = append(s.fs, p.Inv.F)
				ids[p.Inv.F] = id
			}
		}
		s.calls = append(s.calls, call{start: p.start(), end: p.end(), took: p.took(), f: id, out: p.Done.Type})
		s.counts[p.Done.Type]++
		if want[p.Inv.Index] || want[p.Done.Index] {
			s.wanted[p.Inv.Index], s.wanted[p.Done.Index] = p, p
		}
	})
	return s
}

// maxDeaths bounds how many deaths are kept.
const maxDeaths = 50

// noting keeps what the nemesis saw and did not do.
func (s *scanned) noting(ops iter.Seq2[history.Op, error]) iter.Seq2[history.Op, error] {
	if ops == nil {
		return nil
	}
	return func(yield func(history.Op, error) bool) {
		for o, err := range ops {
			if err == nil && o.Process == history.Nemesis && o.F == history.Died && len(s.deaths) < maxDeaths {
				s.deaths = append(s.deaths, o)
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// byF counts the operations of each kind by outcome: ok, fail, info.
func (s *scanned) byF() [][3]int {
	n := make([][3]int, len(s.fs))
	for _, c := range s.calls {
		n[c.f][outcomeIDs[c.out]]++
	}
	return n
}
