package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/netns"
	"github.com/partita-dev/partita/internal/sample"
)

// rung is one way to get nodes.
type rung struct {
	name string
	doc  string
	// open gives the provider; the error says why not here and what to do.
	open func(context.Context) (cluster.Provider, error)
	// find gives the provider as far as it takes to find clusters that were left up, where open asks for more.
	find func(context.Context) (cluster.Provider, error)
}

// ladder is the rungs that give nodes to any target, best first. `--provider auto` takes the first that works here.
// Below them is the target sample, whose nodes are of its own kind.
func ladder() []rung {
	return []rung{
		{name: "docker", doc: "containers of a Docker engine", open: openDocker, find: openDocker},
		{name: "netns", doc: "network namespaces of this machine, made by Partita itself", open: openNetns, find: func(context.Context) (cluster.Provider, error) {
			return netns.New(netns.Options{})
		}},
	}
}

func openDocker(ctx context.Context) (cluster.Provider, error) {
	return docker.New(ctx, docker.Options{})
}

func openNetns(ctx context.Context) (cluster.Provider, error) {
	if err := netns.Check(ctx); err != nil {
		return nil, err
	}
	return netns.New(netns.Options{})
}

// auto is the name that climbs the ladder.
const auto = "auto"

// providerHelp is the usage of --provider.
const providerHelp = "where nodes come from: auto (the first of these that works here), docker, netns (namespaces of this machine, no Docker needed), or builtin for the target sample"

func rungNames() []string {
	names := []string{auto}
	for _, r := range ladder() {
		names = append(names, r.name)
	}
	return names
}

// errNoRung is the error when no rung works here.
var errNoRung = errors.New("no nodes can be made on this machine")

// provider gives the provider of nodes, its name, and a sentence of why it is this one when it was not asked for.
func (a *app) provider(ctx context.Context, name string) (p cluster.Provider, rung, why string, err error) {
	if !slices.Contains(rungNames(), name) {
		return nil, "", "", badArguments(fmt.Errorf("no provider %q: choose from %s; builtin is for targets that have nodes of their own", name, strings.Join(rungNames(), ", ")))
	}
	var above []string
	var errs []error
	for _, r := range ladder() {
		if name != auto && name != r.name {
			continue
		}
		p, err := r.open(ctx)
		if err == nil {
			if len(above) > 0 {
				why = "provider: " + r.name + ", " + r.doc + ", because " + strings.Join(above, "; ")
			}
			return p, r.name, why, nil
		}
		if name != auto {
			return nil, "", "", err
		}
		above = append(above, fmt.Sprintf("%s does not work here (%v)", r.name, err))
		errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
	}
	return nil, "", "", fmt.Errorf("%w: %w: `partita doctor` says what is missing; `partita test sample` needs none of it", errNoRung, errors.Join(errs...))
}

// providerFor gives the provider of nodes for a target: its own, where it has one.
func (a *app) providerFor(ctx context.Context, t catalog.Target, params history.Params, name string) (p cluster.Provider, rung, why string, err error) {
	switch {
	case t.Provider == nil && name == sample.ProviderName:
		return nil, "", "", badArguments(fmt.Errorf("provider %s is for the target sample, not for %s: choose from %s", name, t.Name, strings.Join(rungNames(), ", ")))
	case t.Provider == nil:
		return a.provider(ctx, name)
	case name != auto && name != t.Rung:
		return nil, "", "", badArguments(fmt.Errorf("no provider %q for %s: choose from auto, %s", name, t.Name, t.Rung))
	}
	if p, err = t.Provider(params); err != nil {
		return nil, "", "", badArguments(err)
	}
	return p, t.Rung, "", nil
}

// found is a cluster that is up, and where.
type found struct {
	rung     string
	provider cluster.Provider
	cluster  *cluster.Cluster
}

// findAll finds the clusters of every rung, or of the one that PARTITA_PROVIDER names. A rung that does not work here
// has none; when none works the error says why.
func (a *app) findAll(ctx context.Context) ([]found, error) {
	only := cmp.Or(os.Getenv("PARTITA_PROVIDER"), auto)
	var all []found
	var errs []error
	ok := false
	for _, r := range ladder() {
		if only != auto && only != r.name {
			continue
		}
		p, err := r.find(ctx)
		if err == nil {
			var cls []*cluster.Cluster
			if cls, err = p.Find(ctx); err == nil {
				ok = true
				for _, c := range cls {
					all = append(all, found{r.name, p, c})
				}
				continue
			}
		}
		errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
	}
	if !ok {
		return nil, errors.Join(errs...)
	}
	return all, nil
}

// pick gives the clusters with these ids.
func pick(all []found, ids []string) ([]found, error) {
	var some []found
	for _, id := range ids {
		i := slices.IndexFunc(all, func(f found) bool { return f.cluster.ID == id })
		if i < 0 {
			var known []string
			for _, f := range all {
				known = append(known, f.cluster.ID)
			}
			return nil, badArguments(fmt.Errorf("no cluster %q: there are %v", id, known))
		}
		some = append(some, all[i])
	}
	return some, nil
}

// attachBeside connects to a cluster without taking it from the run that may be using it.
func attachBeside(ctx context.Context, p cluster.Provider, id string) (*cluster.Cluster, error) {
	if b, ok := p.(interface {
		AttachShared(context.Context, string) (*cluster.Cluster, error)
	}); ok {
		return b.AttachShared(ctx, id)
	}
	return p.Attach(ctx, id)
}
