package remote

import (
	"context"
	"errors"
	"sync"

	"github.com/partita-dev/partita/internal/agent"
)

// Group is the nodes of one cluster; a nil in it is one that was not connected to.
type Group []*Node

// each does f on all nodes at once and joins the errors.
func (g Group) each(f func(int, *Node) error) error {
	errs := make([]error, len(g))
	var wg sync.WaitGroup
	for i, n := range g {
		if n != nil {
			wg.Go(func() { errs[i] = f(i, n) })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Members are the nodes as their network sees them, reconnected where that was needed.
func (g Group) Members() []agent.Member {
	ms := make([]agent.Member, len(g))
	_ = g.each(func(i int, n *Node) error { ms[i] = n.Member(); return nil })
	return ms
}

// Undo takes every fault away that stands on any node, whoever made it. It goes on past a node that cannot be
// reached, and the error names each.
func (g Group) Undo(ctx context.Context) error {
	return g.each(func(_ int, n *Node) error { return n.Undo(ctx) })
}

// Close lets go of the nodes; faults that stand are undone.
func (g Group) Close() error {
	return g.each(func(_ int, n *Node) error { return n.Close(true) })
}

// AttachAll connects to every node, all at once. On an error no connection is left.
func AttachAll(ctx context.Context, cfgs []Config) (Group, error) {
	g := make(Group, len(cfgs))
	errs := make([]error, len(cfgs))
	var wg sync.WaitGroup
	for i, cfg := range cfgs {
		wg.Go(func() { g[i], errs[i] = Attach(ctx, cfg) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}
