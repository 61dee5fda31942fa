//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/remote"
)

// ErrInUse is the error when another controller has the cluster.
var ErrInUse = remote.ErrInUse

// Attach connects to a cluster that was left up, and locks it: while another controller has it the error is
// ErrInUse and names that one.
func (p *Provider) Attach(ctx context.Context, id string) (*cluster.Cluster, error) {
	rec, err := p.known(ctx, id)
	if err != nil {
		return nil, err
	}
	l, err := p.take(id)
	if err != nil {
		return nil, err
	}
	c, err := p.connect(ctx, rec, l, true)
	if err != nil {
		return nil, errors.Join(err, l.Free())
	}
	return c, nil
}

// AttachShared connects to a cluster beside whoever has it: to run commands, read logs and heal. It cannot
// start or signal daemons, nor cut anything.
func (p *Provider) AttachShared(ctx context.Context, id string) (*cluster.Cluster, error) {
	rec, err := p.known(ctx, id)
	if err != nil {
		return nil, err
	}
	return p.connect(ctx, rec, nil, false)
}

// known reads a cluster's record, and says what there is when there is none.
func (p *Provider) known(ctx context.Context, id string) (record, error) {
	if err := cluster.CheckName("cluster", id); err != nil {
		return record{}, err
	}
	rec, err := p.load(id)
	switch {
	case err == nil && !hubAnswers(ctx, p.folder(id)):
		return record{}, fmt.Errorf("connect to cluster %s: its nodes ended with their controller, or with the machine: `partita cluster down %s` forgets it", id, id)
	case !errors.Is(err, fs.ErrNotExist):
		return rec, err
	}
	have, err := p.ids()
	if err != nil {
		return record{}, err
	}
	if len(have) == 0 {
		return record{}, fmt.Errorf("no cluster %q of namespaces: there is none: make one with `partita cluster up`", id)
	}
	return record{}, fmt.Errorf("no cluster %q of namespaces: there are %s", id, strings.Join(have, ", "))
}

// Find gives the clusters that are here. Their nodes are connected to when they are first used, beside whoever has
// the cluster, as AttachShared does; one that is just being made has none. What is left of clusters whose
// controller was killed is removed.
func (p *Provider) Find(ctx context.Context) ([]*cluster.Cluster, error) {
	p.sweep(ctx)
	ids, err := p.ids()
	if err != nil {
		return nil, err
	}
	var cs []*cluster.Cluster
	for _, id := range ids {
		c := p.lazy(ctx, id)
		if c == nil {
			c = &cluster.Cluster{ID: id, Grace: Grace}
		}
		cs = append(cs, c)
	}
	return cs, nil
}

// lazy makes a cluster of what is known of it; nil when that is not enough to log in.
func (p *Provider) lazy(ctx context.Context, id string) *cluster.Cluster {
	rec, err := p.known(ctx, id)
	if err != nil {
		return nil
	}
	cfgs, err := p.configs(rec, false)
	if err != nil {
		return nil
	}
	h := &hold{rec: rec}
	for _, cfg := range cfgs {
		n, err := remote.New(cfg)
		if err != nil {
			return nil
		}
		h.nodes = append(h.nodes, n)
	}
	return p.keep(h)
}

// Close lets go of a cluster. Faults that stand are undone first. The cluster stays up: for as long as this process
// lives, or longer when it was made to be left.
func (p *Provider) Close(c *cluster.Cluster) error {
	h := p.forget(c)
	if h == nil {
		return nil
	}
	return errors.Join(h.nodes.Close(), h.lock.Free())
}

// forget takes a cluster out of those this Provider is connected to.
func (p *Provider) forget(c *cluster.Cluster) *hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.holds[c]
	delete(p.holds, c)
	return h
}

// own gives the lock that this Provider has on a cluster under another value (Find makes new ones), and lets go of
// the nodes there.
func (p *Provider) own(id string) *remote.Lock {
	p.mu.Lock()
	var mine *hold
	for c, h := range p.holds {
		if h.rec.ID == id && h.lock != nil {
			mine = h
			delete(p.holds, c)
		}
	}
	p.mu.Unlock()
	if mine == nil {
		return nil
	}
	_ = mine.nodes.Close() // what cannot be closed is removed all the same
	return mine.lock
}

// Down ends a cluster and removes all of it, its keys and data too. A cluster that another controller has is left
// alone, with ErrInUse.
func (p *Provider) Down(ctx context.Context, c *cluster.Cluster) error {
	if err := cluster.CheckName("cluster", c.ID); err != nil {
		return err
	}
	var l *remote.Lock
	if h := p.forget(c); h != nil {
		_ = h.nodes.Close() // what cannot be closed is removed all the same
		l = h.lock
	}
	if l == nil {
		l = p.own(c.ID)
	}
	if l == nil {
		var err error
		if l, err = p.take(c.ID); err != nil {
			return err
		}
	}
	return p.remove(ctx, c.ID, l)
}

// remove ends a cluster's hub and with it everything inside, removes its folder, and frees its lock. The folder goes
// last: as long as anything is left, its keys are.
func (p *Provider) remove(ctx context.Context, id string, l *remote.Lock) error {
	p.mu.Lock()
	hub := p.hubs[id]
	delete(p.hubs, id)
	p.mu.Unlock()
	if hub != nil {
		hub.kill()
	} else if err := killHub(ctx, p.folder(id)); err != nil {
		return errors.Join(fmt.Errorf("end cluster %s: %w", id, err), l.Free())
	}
	var err error
	if e := os.RemoveAll(p.folder(id)); e != nil {
		err = fmt.Errorf("forget cluster %s: %w", id, e)
	}
	_ = os.Remove(p.clusters()) // only when it is empty
	return errors.Join(err, l.Free())
}

// sweep removes what is left of clusters whose controller was killed: nobody has them, and their hub is gone.
func (p *Provider) sweep(ctx context.Context) {
	ids, err := p.ids()
	if err != nil {
		return // whoever makes the cluster's folder next says it better
	}
	for _, id := range ids {
		if hubAnswers(ctx, p.folder(id)) {
			continue
		}
		if l, err := p.take(id); err == nil {
			_ = p.remove(ctx, id, l) // it is found by `partita cluster ls` until it is gone
		}
	}
}
