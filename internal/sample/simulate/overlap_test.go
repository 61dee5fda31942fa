package simulate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// together is the most nodes that faults in force at one moment harm, and how many windows begin while another is in force.
func together(ws []history.Window) (nodes, overlaps int) {
	for _, w := range ws {
		var harmed []string
		for _, o := range ws {
			if o.Commanded.From.Happened() && o.Commanded.From.Index <= w.Commanded.From.Index && o.Commanded.To.Index > w.Commanded.From.Index {
				harmed = append(harmed, o.Harmed...)
				if o.ID != w.ID {
					overlaps++
				}
			}
		}
		slices.Sort(harmed)
		nodes = max(nodes, len(slices.Compact(harmed)))
	}
	return nodes, overlaps
}

func TestFaultsOverlapAndHarmNoMoreThanTheyMay(t *testing.T) {
	for _, c := range []struct {
		overlap bool
		most    int
		want    int // nodes that are harmed together
		faults  []string
	}{
		{false, 0, 2, []string{"kill:minority", "partition:one"}},
		{true, 2, 2, []string{"kill:one", "partition:one"}},
		{true, 1, 1, []string{"kill", "partition"}},
		{true, 1, 1, []string{"pause:n1", "partition:n2|n1+n3+n4+n5"}}, // the first one ends for the second
	} {
		seen, overlaps := 0, 0
		for seed := range uint64(3) {
			cfg := quick(t, "register", seed, "", c.faults...)
			cfg.Nodes, cfg.Workers, cfg.Overlap, cfg.MaxHarmed = 5, 30, c.overlap, c.most // room for two windows
			_, out, rs := simulated(t, cfg)
			nodes, o := together(out.Windows)
			seen, overlaps = max(seen, nodes), overlaps+o
			if v, _, why := verdict(rs); v != checker.Valid {
				t.Errorf("%v, overlap %v, seed %d: %s %s", c.faults, c.overlap, seed, v, why)
			}
			for _, w := range out.Windows {
				if !w.Observed.From.Happened() || w.Commanded.To.Time-w.Commanded.From.Time < 4*time.Second {
					t.Errorf("%v: %s %s was in force from %s to %s", c.faults, w.ID, w.Fault, w.Commanded.From.Time, w.Commanded.To.Time)
				}
			}
		}
		if seen != c.want || overlaps > 0 && !c.overlap || overlaps == 0 && c.most == 2 {
			t.Errorf("%v, overlap %v, at most %d: %d nodes were harmed together, and %d windows began beside another", c.faults, c.overlap, c.most, seen, overlaps)
		}
	}
}
