package catalog

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample/simulate"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Target is a system under test: its image and automation, and the driver that reaches it.
type Target struct {
	Name  string
	Doc   string
	Image fs.FS // Dockerfile and what it copies
	// Files makes the image's files where they depend on the parameters; nil: Image. What takes long is told to the function.
	Files func(context.Context, history.Params, func(string)) (fs.FS, error)
	// Programs are what its automation runs, for nodes without an image (namespaces).
	Programs []cluster.Program
	Flags    func(*pflag.FlagSet) // its own flags; nil for none. Their values arrive in the parameters
	DB       func(history.Params) (cluster.Database, error)
	Driver   func(history.Params) (clients.Driver, error)
	// Default is the workload of `partita test TARGET` without -w.
	Default string
	// Provider makes nodes of the target's own kind, where it has one; no other provider is for it then. Its name is Rung.
	Provider func(history.Params) (cluster.Provider, error)
	Rung     string
	// Simulate does a whole run in virtual time, where the target can.
	Simulate func(context.Context, simulate.Config) (simulate.Outcome, error)
}

// Catalog is what a binary can test with.
type Catalog struct {
	Targets   []Target
	Workloads []workloads.Workload
	Faults    []nemesis.Kind
	Checkers  []checker.Spec
}

// Target finds a target; the error lists the right names.
func (c *Catalog) Target(name string) (Target, error) {
	return find("target", name, c.Targets, func(t Target) string { return t.Name })
}

// Workload finds a workload that the target's driver covers; the error lists those.
func (c *Catalog) Workload(t Target, name string) (workloads.Workload, error) {
	ws, err := c.WorkloadsFor(t)
	if err != nil {
		return workloads.Workload{}, err
	}
	if _, err := find("workload", name, c.Workloads, workloadName); err == nil && !slices.ContainsFunc(ws, func(w workloads.Workload) bool { return w.Name == name }) {
		return workloads.Workload{}, fmt.Errorf("the driver of %s has not the operations that workload %q needs: choose from %s", t.Name, name, names(ws, workloadName))
	}
	return find("workload", name, ws, workloadName)
}

// WorkloadsFor lists the workloads whose operations the target's driver covers.
func (c *Catalog) WorkloadsFor(t Target) ([]workloads.Workload, error) {
	d, err := t.Driver(history.Params{})
	if err != nil {
		return nil, fmt.Errorf("ask the driver of %s for its operations: %w", t.Name, err)
	}
	var out []workloads.Workload
	for _, w := range c.Workloads {
		if clients.Covers(d, w.Object, w.Ops) {
			out = append(out, w)
		}
	}
	return out, nil
}

// Fault is one entry of --faults: a kind and what stands behind its colon.
type Fault struct {
	Kind     nemesis.Kind
	Selector string
}

// Name is the entry as on the command line.
func (f Fault) Name() string {
	if f.Selector == "" {
		return f.Kind.Name
	}
	return f.Kind.Name + ":" + f.Selector
}

// ParseFaults reads --faults: KIND[:TARGET], comma separated; "none" or nothing is no fault. It plans each
// once on the given nodes, so that a wrong selector or node name is refused before anything is started.
func (c *Catalog) ParseFaults(list []string, nodes []string) ([]Fault, error) {
	var out []Fault
	for _, s := range list {
		s = strings.TrimSpace(s)
		if s == "" || s == "none" {
			continue
		}
		name, sel, _ := strings.Cut(s, ":")
		k, err := find("fault", name, c.Faults, func(k nemesis.Kind) string { return k.Name })
		if err != nil {
			return nil, err
		}
		if err := nemesis.Try(k, sel, nodes); err != nil {
			return nil, fmt.Errorf("fault %q: %w", s, err)
		}
		out = append(out, Fault{Kind: k, Selector: sel})
	}
	return out, nil
}

// Checker finds a checker by name.
func (c *Catalog) Checker(name string) (checker.Spec, error) {
	return find("checker", name, c.Checkers, func(s checker.Spec) string { return s.Name })
}

func workloadName(w workloads.Workload) string { return w.Name }

func names[T any](xs []T, name func(T) string) string {
	s := make([]string, len(xs))
	for i, x := range xs {
		s[i] = name(x)
	}
	return strings.Join(s, ", ")
}

func find[T any](what, want string, xs []T, name func(T) string) (T, error) {
	for _, x := range xs {
		if name(x) == want {
			return x, nil
		}
	}
	var zero T
	return zero, fmt.Errorf("no %s %q: choose from %s", what, want, names(xs, name))
}
