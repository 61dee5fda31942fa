package txn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/partita-dev/partita/history"
)

// asked is what a user wants to hold.
type asked struct {
	models    []string // canonical names
	words     string   // as the user wrote them
	forbidden []string // anomalies that make the verdict invalid
	notLooked []string // what the models forbid and nobody here looks for
	wfr       bool     // of registers: where version orders come from
	session   strength
	time      strength
}

// strength is how much is known of a source of version orders.
type strength uint8

const (
	absent   strength = iota
	inferred          // granted by the model: what follows from it is called -process or -realtime
	promised          // by a parameter: the user says that keys behave so
)

// ask reads the parameters: consistency (models, default strict-serializable), anomalies (more that must not be), and of
// registers wfr-keys, sequential-keys and linearizable-keys.
func ask(p history.Params) (asked, error) {
	a := asked{words: p.String("consistency", "strict-serializable")}
	extra := list(p.String("anomalies", ""))
	if _, set := p["consistency"]; !set && len(extra) > 0 {
		a.words = ""
	}
	for _, name := range list(a.words) {
		m, err := modelOf(name)
		if err != nil {
			return a, err
		}
		if !detectable(m) {
			return a, fmt.Errorf("consistency model %q: nothing that it forbids can be found in transactions by this checker, so that every history would pass; ask for another", name)
		}
		a.models = append(a.models, m)
		for _, what := range notSearched(m) {
			if !slices.Contains(a.notLooked, what) {
				a.notLooked = append(a.notLooked, what)
			}
		}
	}
	for _, name := range extra {
		if known := knownAnomalies(); !slices.Contains(known, name) {
			return a, fmt.Errorf("unknown anomaly %q: expected some of %s", name, strings.Join(known, ", "))
		}
	}
	a.forbidden = implying(append(forbidden(a.models), extra...))
	has := func(models ...string) bool {
		return slices.ContainsFunc(a.models, func(m string) bool {
			return slices.ContainsFunc(below(m), func(b string) bool { return slices.Contains(models, b) })
		})
	}
	a.wfr = has("snapshot-isolation")
	if has("strong-session-snapshot-isolation") {
		a.session = inferred
	}
	if has("strong-snapshot-isolation") {
		a.time = inferred
	}
	return a, a.options(p)
}

// options reads Elle's options for registers.
func (a *asked) options(p history.Params) error {
	var err error
	if a.wfr, err = p.Bool("wfr-keys", a.wfr); err != nil {
		return err
	}
	for name, s := range map[string]*strength{"sequential-keys": &a.session, "linearizable-keys": &a.time} {
		if _, set := p[name]; !set {
			continue
		}
		yes, err := p.Bool(name, false)
		if err != nil {
			return err
		}
		if *s = absent; yes {
			*s = promised
		}
	}
	return nil
}

// list splits a comma separated list.
func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// knownAnomalies are all names that can be forbidden.
func knownAnomalies() (out []string) {
	add := func(names ...string) {
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for a, bs := range table() {
		add(a)
		add(bs...)
	}
	for _, as := range forbids {
		add(as...)
	}
	slices.Sort(out)
	return out
}
