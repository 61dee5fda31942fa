package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/store"
)

// setup lists how the run was made: versions, flags, nodes.
func setup(m store.Meta) []pair {
	var out []pair
	add := func(name, value string) {
		if value != "" {
			out = append(out, pair{Name: name, Value: clip(value, 2000)})
		}
	}
	num := func(name string, n int) {
		if n != 0 {
			add(name, fmt.Sprint(n))
		}
	}
	length := func(name string, d time.Duration) {
		if d != 0 {
			add(name, dur(d))
		}
	}
	add("run", m.RunID)
	if !m.Started.IsZero() {
		s := m.Started.UTC().Format("2006-01-02 15:04:05 UTC")
		if !m.Ended.IsZero() {
			s += ", took " + dur(m.Ended.Sub(m.Started))
		}
		add("started", s)
	}
	add("target", m.Target)
	add("workload", m.Workload)
	add("faults", strings.Join(m.Faults, ", "))
	add("nodes", strings.Join(m.Nodes, ", "))
	add("provider", m.Provider)
	add("cluster", m.Cluster)
	add("image", m.Image)
	for _, n := range slices.Sorted(maps.Keys(m.Database)) {
		add("database on "+n, m.Database[n])
	}
	num("clients at once", m.Workers)
	length("time limit", m.TimeLimit)
	length("operation timeout", m.OpTimeout)
	length("fault interval", m.Interval)
	if m.Rate > 0 {
		add("rate", trimZeros(m.Rate, 2)+" operations a second")
	}
	for _, n := range slices.Sorted(maps.Keys(m.Params)) {
		add("--"+n, m.Params[n])
	}
	add("checkers", strings.Join(m.Checkers, ", "))
	add("partita", m.Version)
	add("go", m.Go)
	return out
}

func phases(ps []store.Phase) []phaseView {
	var longest time.Duration
	for _, p := range ps {
		longest = max(longest, p.Took)
	}
	var out []phaseView
	for _, p := range ps {
		out = append(out, phaseView{p.Name, dur(p.Took), clip(p.Err, 500), max(0.5, 100*float64(p.Took)/float64(max(longest, 1)))})
	}
	return out
}
