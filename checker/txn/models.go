package txn

import (
	"fmt"
	"slices"
	"strings"
)

// weaker gives, for each consistency model, those that it is directly stronger than: a history that satisfies the one
// satisfies the others. Sources: Adya 1999; Bailis et al., "Highly Available Transactions", VLDB 2014; Cerone, Bernardi &
// Gotsman, CONCUR 2015; Daudjee & Salem, ICDE 2004; Zuikeviciute & Pedone 2005; Liu et al., "ROLA", 2018; the table and its
// names are Elle's (elle.consistency-model).
var weaker = map[string][]string{
	"causal-cerone":                     {"read-atomic"},
	"consistent-view":                   {"cursor-stability", "monotonic-view"},
	"cursor-stability":                  {"read-committed"},
	"forward-consistent-view":           {"consistent-view"},
	"read-committed":                    {"read-uncommitted"},
	"read-uncommitted":                  nil,
	"serializable":                      {"repeatable-read", "update-serializable", "snapshot-isolation", "view-serializable"},
	"update-serializable":               {"forward-consistent-view"},
	"monotonic-atomic-view":             {"read-committed"},
	"monotonic-view":                    {"read-committed"},
	"monotonic-snapshot-read":           {"read-committed"},
	"parallel-snapshot-isolation":       {"causal-cerone", "update-atomic"},
	"prefix":                            {"causal-cerone"},
	"read-atomic":                       {"monotonic-atomic-view"},
	"repeatable-read":                   {"cursor-stability", "monotonic-atomic-view"},
	"update-atomic":                     {"read-atomic"},
	"session-serializable":              {"1SR"},
	"1SR":                               nil,
	"view-serializable":                 nil,
	"snapshot-isolation":                {"forward-consistent-view", "monotonic-atomic-view", "monotonic-snapshot-read", "parallel-snapshot-isolation", "prefix"},
	"strong-serializable":               {"serializable", "linearizable", "strong-snapshot-isolation", "strong-session-serializable", "session-serializable"},
	"strong-session-read-uncommitted":   {"read-uncommitted"},
	"strong-session-read-committed":     {"read-committed", "strong-session-read-uncommitted"},
	"strong-read-uncommitted":           {"strong-session-read-uncommitted"},
	"strong-read-committed":             {"strong-session-read-committed", "strong-read-uncommitted"},
	"strong-session-serializable":       {"serializable", "strong-session-snapshot-isolation"},
	"strong-session-snapshot-isolation": {"snapshot-isolation", "strong-session-read-committed"},
	"strong-snapshot-isolation":         {"strong-session-snapshot-isolation", "strong-read-committed"},
	"linearizable":                      {"sequential"},
	"sequential":                        {"causal"},
	"causal":                            {"writes-follow-reads", "PRAM"},
	"PRAM":                              {"monotonic-reads", "monotonic-writes", "read-your-writes"},
	"writes-follow-reads":               nil,
	"monotonic-reads":                   nil,
	"monotonic-writes":                  nil,
	"read-your-writes":                  nil,
}

// otherNames of the models: Adya's levels, and what people say.
var otherNames = map[string]string{
	"PL-1": "read-uncommitted", "PL-2": "read-committed", "PL-CS": "cursor-stability", "PL-2L": "monotonic-view",
	"PL-2+": "consistent-view", "PL-FCV": "forward-consistent-view", "PL-MSR": "monotonic-snapshot-read", "PL-SI": "snapshot-isolation",
	"PL-2.99": "repeatable-read", "PL-3U": "update-serializable", "PL-3": "serializable", "PL-SS": "strong-serializable",
	"conflict-serializable": "serializable", "strict-serializable": "strong-serializable", "ROLA": "update-atomic",
	"strong-session-PL-1": "strong-session-read-uncommitted", "strong-session-PL-2": "strong-session-read-committed",
	"strong-PL-1": "strong-read-uncommitted", "strong-PL-2": "strong-read-committed",
}

// unsearched says what a model forbids beyond what is looked for here, unless one of the models below is asked that is
// decided as a whole.
var unsearched = map[string]string{
	"cursor-stability": "G-cursor", "monotonic-view": "G-monotonic", "monotonic-snapshot-read": "G-MSR",
	"forward-consistent-view": "G-SIb", "update-serializable": "G-update", "causal-cerone": "violations of causality over several transactions",
	"parallel-snapshot-isolation": "conflicts of parallel snapshots", "prefix": "violations of a common prefix",
	"read-atomic": "fractured reads", "monotonic-atomic-view": "fractured reads",
}

// whole are the models that cycles decide entirely: all that a weaker model forbids is found with them.
var whole = []string{"read-uncommitted", "read-committed", "consistent-view", "repeatable-read", "snapshot-isolation", "serializable"}

// modelOf finds a model by any of its names.
func modelOf(name string) (string, error) {
	if m, ok := otherNames[name]; ok {
		return m, nil
	}
	if _, ok := weaker[name]; ok {
		return name, nil
	}
	var known []string
	for m := range weaker {
		if detectable(m) {
			known = append(known, m)
		}
	}
	slices.Sort(known)
	return "", fmt.Errorf("unknown consistency model %q: expected one of strict-serializable, %s", name, strings.Join(known, ", "))
}

// below are the models that one implies, itself included.
func below(model string) []string {
	out := []string{model}
	for i := 0; i < len(out); i++ {
		for _, w := range weaker[out[i]] {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// above are the models that imply one of those given, themselves included.
func above(ms []string) (out []string) {
	for m := range weaker {
		if slices.ContainsFunc(below(m), func(b string) bool { return slices.Contains(ms, b) }) {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

// detectable says whether a model forbids anything that is looked for here.
func detectable(model string) bool { return len(forbidden([]string{model})) > 0 }

// notSearched lists what a model forbids and nobody here looks for.
func notSearched(model string) (out []string) {
	under := below(model)
	for _, m := range under {
		what, ok := unsearched[m]
		covered := slices.ContainsFunc(whole, func(w string) bool {
			return w != m && slices.Contains(under, w) && slices.Contains(below(w), m)
		})
		if ok && !covered && !slices.Contains(out, what) {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}
