package sample

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// ProviderName is what --provider calls nodes inside this process.
const ProviderName = "builtin"

// Provider makes clusters inside this process: they end with it.
type Provider struct {
	params history.Params

	mu    sync.Mutex
	hosts map[string]*Host // by the cluster's id
}

// NewProvider makes a provider of stores with the bug that the parameters name.
func NewProvider(p history.Params) (cluster.Provider, error) {
	if _, err := stepsOf(p.String("bug", "")); err != nil {
		return nil, err
	}
	return &Provider{params: p, hosts: map[string]*Host{}}, nil
}

// Up makes a store that follows the wall clock.
func (p *Provider) Up(_ context.Context, spec cluster.Spec) (*cluster.Cluster, error) {
	s, err := New(Config{Nodes: spec.Nodes, Seed: spec.Seed, Bug: p.params.String("bug", ""), Params: p.params})
	if err != nil {
		return nil, err
	}
	id := spec.ID
	if id == "" {
		id = cluster.NewID()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts[id] != nil {
		return nil, fmt.Errorf("make cluster %s: it is there already", id)
	}
	p.hosts[id] = Follow(s)
	return p.hosts[id].Cluster(id), nil
}

// Find gives none: what is inside another process cannot be found, and what is inside this one ends with it.
func (*Provider) Find(context.Context) ([]*cluster.Cluster, error) { return nil, nil }

// Attach refuses.
func (*Provider) Attach(context.Context, string) (*cluster.Cluster, error) {
	return nil, errors.New("the sample lives inside the process of its run: no cluster of it is left up, so leave --cluster out")
}

// Down ends the store.
func (p *Provider) Down(_ context.Context, c *cluster.Cluster) error {
	p.mu.Lock()
	h := p.hosts[c.ID]
	delete(p.hosts, c.ID)
	p.mu.Unlock()
	if h != nil {
		h.Close()
	}
	return nil
}

// Close ends the store too: nothing of it could stay.
func (p *Provider) Close(c *cluster.Cluster) error { return p.Down(context.Background(), c) }
