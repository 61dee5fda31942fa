package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// factView is one figure of a checker: a text, or a table when it is a list of records.
type factView struct {
	Name  string
	Text  string
	Heads []string
	Rows  [][]string
	More  int // rows left out
}

// The most that is shown of one checker's facts.
const (
	maxFacts    = 60
	maxFactRows = 60
	maxFactCols = 12
)

// viewFacts lays out whatever a checker said, sorted by name.
func viewFacts(facts map[string]any) []factView {
	var out []factView
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if len(out) == maxFacts {
			out = append(out, factView{Name: "…", Text: fmt.Sprintf("%d more in verdict.json", len(facts)-maxFacts)})
			break
		}
		f := factView{Name: clip(name, 60)}
		if !f.table(normal(facts[name])) {
			f.Text = clip(factText(normal(facts[name])), 600)
		}
		out = append(out, f)
	}
	return out
}

// normal makes of any Go value what JSON makes of it.
func normal(x any) any {
	b, err := json.Marshal(x)
	if err != nil {
		return fmt.Sprint(x)
	}
	var v any
	_ = json.Unmarshal(b, &v) // it was marshalled just now
	return v
}

// table fills in rows when x is a list of records, or a record of records.
func (f *factView) table(x any) bool {
	var keys []string
	var recs []map[string]any
	switch x := x.(type) {
	case []any:
		for _, e := range x {
			m, ok := e.(map[string]any)
			if !ok {
				return false
			}
			recs = append(recs, m)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			m, ok := x[k].(map[string]any)
			if !ok {
				return false
			}
			keys = append(keys, k)
			recs = append(recs, m)
		}
	}
	if len(recs) == 0 {
		return false
	}
	cols := map[string]bool{}
	for _, r := range recs {
		for k := range r {
			cols[k] = true
		}
	}
	heads := slices.SortedFunc(maps.Keys(cols), func(a, b string) int {
		return cmp.Or(cmp.Compare(headRank(a), headRank(b)), cmp.Compare(a, b))
	})
	heads = heads[:min(len(heads), maxFactCols)]
	for i, r := range recs {
		if i == maxFactRows {
			f.More = len(recs) - i
			break
		}
		var row []string
		if keys != nil {
			row = append(row, clip(keys[i], 60))
		}
		for _, h := range heads {
			v, ok := r[h]
			if !ok {
				row = append(row, "")
				continue
			}
			row = append(row, clip(factText(v), 200))
		}
		f.Rows = append(f.Rows, row)
	}
	if keys != nil {
		heads = append([]string{""}, heads...)
	}
	f.Heads = heads
	return true
}

// headRank puts first the columns that say what a row is about.
func headRank(name string) int {
	if i := slices.Index([]string{"id", "window", "name", "fault", "node", "f", "key", "observed"}, name); i >= 0 {
		return i
	}
	return 99
}

// factText writes a value in a line.
func factText(x any) string {
	switch x := x.(type) {
	case nil:
		return "–"
	case string:
		return x
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case float64:
		if x == float64(int64(x)) && x < 1e15 && x > -1e15 {
			return count(int64(x))
		}
		return strconv.FormatFloat(x, 'g', 5, 64)
	case []any:
		parts := make([]string, 0, min(len(x), 50))
		for i, e := range x {
			if i == 50 {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, factText(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(x)) {
			parts = append(parts, k+" "+factText(x[k]))
			if len(parts) == 50 {
				break
			}
		}
		return strings.Join(parts, " · ")
	}
	return fmt.Sprint(x)
}
