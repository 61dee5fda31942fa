package cmd

import (
	"context"
	"fmt"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
)

// provider gives the provider of nodes, its name, and a sentence of why it is this one when it was not asked for.
func (a *app) provider(name string) (p cluster.Provider, rung, why string, err error) {
	switch name {
	case "auto", "docker":
		d, err := docker.New(context.Background(), docker.Options{})
		if err != nil {
			return nil, "", "", err
		}
		return d, "docker", "", nil
	}
	return nil, "", "", badArguments(fmt.Errorf("no provider %q: choose from auto, docker; builtin is for targets that have nodes of their own", name))
}

// providerFor gives the provider of nodes for a target: its own, where it has one.
func (a *app) providerFor(t catalog.Target, params history.Params, name string) (p cluster.Provider, rung, why string, err error) {
	switch {
	case t.Provider == nil:
		return a.provider(name)
	case name != "auto" && name != t.Rung:
		return nil, "", "", badArguments(fmt.Errorf("no provider %q for %s: choose from auto, %s", name, t.Name, t.Rung))
	}
	if p, err = t.Provider(params); err != nil {
		return nil, "", "", badArguments(err)
	}
	return p, t.Rung, "", nil
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
