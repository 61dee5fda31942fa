package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// paramOwners says which targets and workloads a flag of theirs belongs to.
type paramOwners map[string][]string

// registerParams puts the flags of all targets and workloads on the command; the same name is one flag.
func (a *app) registerParams(fs *pflag.FlagSet) paramOwners {
	owners := paramOwners{}
	add := func(owner string, flags func(*pflag.FlagSet)) {
		if flags == nil {
			return
		}
		own := pflag.NewFlagSet(owner, pflag.ContinueOnError)
		flags(own)
		own.VisitAll(func(f *pflag.Flag) {
			if fs.Lookup(f.Name) == nil {
				g := *f
				g.Usage += " (" + owner + ")"
				fs.AddFlag(&g)
			}
			owners[f.Name] = append(owners[f.Name], owner)
		})
	}
	for _, t := range a.catalog.Targets {
		add(t.Name, t.Flags)
	}
	for _, w := range a.catalog.Workloads {
		add(w.Name, w.Flags)
	}
	return owners
}

// collect gives the parameters of this target and this workload. A flag that belongs to others is refused by name.
func (o paramOwners) collect(fs *pflag.FlagSet, t Target, w workloads.Workload, list []string) (history.Params, error) {
	p := history.Params{}
	for name, owners := range o {
		f := fs.Lookup(name)
		mine := false
		for _, owner := range owners {
			mine = mine || owner == t.Name || owner == w.Name
		}
		switch {
		case mine:
			p[name] = f.Value.String()
		case f.Changed:
			return nil, fmt.Errorf("--%s belongs to %s, not to target %s with workload %s", name, strings.Join(owners, ", "), t.Name, w.Name)
		}
	}
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--param %q: expected name=value", s)
		}
		p[name] = value
	}
	return p, nil
}
