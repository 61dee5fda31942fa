package txn

import (
	"slices"
	"sync"
)

// implied gives, for each anomaly, those that it is also one of: what it proves is at least what they prove. The variants
// of cycles are in implies. Sources: Adya 1999, Bailis 2014, and Elle's table.
var implied = map[string][]string{
	"G1a": {"G1"}, "G1b": {"G1"}, "G1c": {"G1"}, "G1": {"G1-process"}, "G1-process": {"G1-realtime"},
	"G1c-process": {"G1-process"}, "G1c-realtime": {"G1-realtime"},
	"incompatible-order": {"G1a"}, "dirty-update": {"G1a"}, "future-read": {"G1c"}, "lost-update": {"G2-item"},
	"cyclic-versions": {"cyclic-versions-process"}, "cyclic-versions-process": {"cyclic-versions-realtime"},
}

// cycleImplies are the implications between kinds of cycles; each holds in each variant. A kind without -item may have
// dependencies of predicates.
var cycleImplies = map[string][]string{
	"G0": {"G1c"}, "G-single-item": {"G-single", "G-nonadjacent-item"}, "G-single": {"G-nonadjacent"},
	"G-nonadjacent-item": {"G-nonadjacent", "G2-item"}, "G-nonadjacent": {"G2"}, "G2-item": {"G2"}, "G1c": nil, "G2": nil,
}

// forbids gives the anomalies that a model forbids beyond those of the weaker ones (Elle's table; Cerone & Gotsman for
// snapshot isolation).
var forbids = map[string][]string{
	"causal-cerone":                     {"internal", "G1a"},
	"cursor-stability":                  {"G1", "lost-update"},
	"monotonic-view":                    {"G1"},
	"monotonic-snapshot-read":           {"G1"},
	"consistent-view":                   {"G1", "G-single"},
	"forward-consistent-view":           {"G1"},
	"parallel-snapshot-isolation":       {"internal", "G1a"},
	"serializable":                      {"internal", "G1", "G2", "PL-3-cycle-exists"},
	"read-committed":                    {"G1", "PL-2-cycle-exists"},
	"read-uncommitted":                  {"G0", "duplicate-elements", "cyclic-versions", "thin-air-read", "PL-1-cycle-exists"},
	"prefix":                            {"internal", "G1a"},
	"snapshot-isolation":                {"internal", "G1", "G-nonadjacent", "PL-SI-cycle-exists"},
	"read-atomic":                       {"internal", "G1a", "future-read"},
	"repeatable-read":                   {"G1", "G2-item", "lost-update"},
	"update-atomic":                     {"lost-update"},
	"update-serializable":               {"G1"},
	"strong-session-read-uncommitted":   {"G0-process", "strong-session-PL-1-cycle-exists"},
	"strong-session-read-committed":     {"G1c-process", "strong-session-PL-2-cycle-exists"},
	"strong-read-uncommitted":           {"G0-realtime", "strong-PL-1-cycle-exists"},
	"strong-read-committed":             {"G1c-realtime", "strong-PL-2-cycle-exists"},
	"strong-session-snapshot-isolation": {"internal", "G1-process", "G-nonadjacent-process", "cyclic-versions-process", "strong-session-snapshot-isolation-cycle-exists"},
	"strong-snapshot-isolation":         {"internal", "G1-realtime", "G-nonadjacent-realtime", "cyclic-versions-realtime", "strong-snapshot-isolation-cycle-exists"},
	"strong-session-serializable":       {"G1-process", "G2-process", "strong-session-serializable-cycle-exists"},
	"strong-serializable":               {"G1", "G1c-realtime", "G2-realtime", "PL-SS-cycle-exists"},
}

// existNames are the anomalies of which only is known that there is a cycle, and not which; with the model that has none.
var existNames = [variants][models][2]string{
	plain: {{"PL-1-cycle-exists", "read-uncommitted"}, {"PL-2-cycle-exists", "read-committed"},
		{"PL-SI-cycle-exists", "snapshot-isolation"}, {"PL-3-cycle-exists", "serializable"}},
	process: {{"strong-session-PL-1-cycle-exists", "strong-session-read-uncommitted"}, {"strong-session-PL-2-cycle-exists", "strong-session-read-committed"},
		{"strong-session-snapshot-isolation-cycle-exists", "strong-session-snapshot-isolation"}, {"strong-session-serializable-cycle-exists", "strong-session-serializable"}},
	realtime: {{"strong-PL-1-cycle-exists", "strong-read-uncommitted"}, {"strong-PL-2-cycle-exists", "strong-read-committed"},
		{"strong-snapshot-isolation-cycle-exists", "strong-snapshot-isolation"}, {"PL-SS-cycle-exists", "strong-serializable"}},
}

// table is implied with the variants of cycles filled in.
var table = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for a, bs := range implied {
		out[a] = append(out[a], bs...)
	}
	for a, bs := range cycleImplies {
		for v := plain; v < variants; v++ {
			for _, b := range bs {
				out[a+variantNames[v]] = append(out[a+variantNames[v]], b+variantNames[v])
			}
			if v+1 < variants {
				out[a+variantNames[v]] = append(out[a+variantNames[v]], a+variantNames[v+1])
			}
		}
	}
	return out
})

// implies gives all that anomalies are also, themselves included.
func implies(names []string) []string {
	t, out := table(), slices.Clone(names)
	for i := 0; i < len(out); i++ {
		for _, b := range t[out[i]] {
			if !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return out
}

// implying gives all anomalies that are also one of those given, themselves included.
func implying(names []string) []string {
	out := slices.Clone(names)
	t := table()
	for i := 0; i < len(out); i++ {
		for a, bs := range t {
			if slices.Contains(bs, out[i]) && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	slices.Sort(out)
	return out
}

// forbidden gives the anomalies that must not be when all models hold.
func forbidden(ms []string) (out []string) {
	for _, m := range ms {
		out = append(out, forbiddenBy()[m]...)
	}
	return out
}

// forbiddenBy gives the anomalies that each model forbids by itself and through weaker ones.
var forbiddenBy = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for m := range weaker {
		var direct []string
		for _, b := range below(m) {
			direct = append(direct, forbids[b]...)
		}
		out[m] = implying(direct)
	}
	return out
})

// boundary gives the weakest models that anomalies rule out, and all others that are ruled out with them.
func boundary(names []string) (not, alsoNot []string) {
	all := implies(names)
	var direct []string
	for m, as := range forbids {
		if slices.ContainsFunc(as, func(a string) bool { return slices.Contains(all, a) }) {
			direct = append(direct, m)
		}
	}
	impossible := above(direct)
	for _, m := range impossible {
		if slices.ContainsFunc(below(m)[1:], func(b string) bool { return slices.Contains(impossible, b) }) {
			alsoNot = append(alsoNot, m)
		} else {
			not = append(not, m)
		}
	}
	return not, alsoNot
}
