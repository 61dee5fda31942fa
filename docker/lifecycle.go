package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/moby/moby/client"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/remote"
	"github.com/partita-dev/partita/internal/ssh"
)

// Attach connects to a cluster that was left up, and locks it: while another controller has it the error is
// ErrInUse and names that one.
func (p *Provider) Attach(ctx context.Context, id string) (*cluster.Cluster, error) {
	rec, err := p.known(ctx, id)
	if err != nil {
		return nil, err
	}
	l, err := p.take(id, p.who)
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
	if !errors.Is(err, fs.ErrNotExist) {
		return rec, err
	}
	have, err := p.ids(ctx)
	switch {
	case err != nil:
		return record{}, err
	case slices.Contains(have, id):
		return record{}, fmt.Errorf("connect to cluster %s: its keys are not in %s: only `partita cluster down %s` can be done to it from here", id, p.state, id)
	case len(have) == 0:
		return record{}, fmt.Errorf("no cluster %q: there is none: make one with `partita cluster up`", id)
	}
	return record{}, fmt.Errorf("no cluster %q: there are %s", id, strings.Join(have, ", "))
}

// ids lists the clusters of which there is any container or network.
func (p *Provider) ids(ctx context.Context) ([]string, error) {
	any := make(client.Filters).Add("label", labelCluster)
	containers, err := p.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: any})
	if err != nil {
		return nil, fmt.Errorf("list Partita's containers: %w", err)
	}
	networks, err := p.engine.NetworkList(ctx, client.NetworkListOptions{Filters: any})
	if err != nil {
		return nil, fmt.Errorf("list Partita's networks: %w", err)
	}
	var ids []string
	for _, c := range containers.Items {
		ids = append(ids, c.Labels[labelCluster])
	}
	for _, n := range networks.Items {
		ids = append(ids, n.Labels[labelCluster])
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (p *Provider) exists(ctx context.Context, id string) (bool, error) {
	ids, err := p.ids(ctx)
	return slices.Contains(ids, id), err
}

// Find gives the clusters that are here. Their nodes are connected to when they are first used, beside whoever has
// the cluster, as AttachShared does; one without keys here has no nodes. Describe says more.
func (p *Provider) Find(ctx context.Context) ([]*cluster.Cluster, error) {
	ids, err := p.ids(ctx)
	if err != nil {
		return nil, err
	}
	cs := make([]*cluster.Cluster, len(ids))
	for i, id := range ids {
		if c := p.lazy(id); c != nil {
			cs[i] = c
		} else {
			cs[i] = &cluster.Cluster{ID: id, Grace: Grace}
		}
	}
	return cs, nil
}

// lazy makes a cluster of what is known of it; nil when that is not enough to log in.
func (p *Provider) lazy(id string) *cluster.Cluster {
	if cluster.CheckName("cluster", id) != nil {
		return nil
	}
	rec, err := p.load(id)
	if err != nil {
		return nil
	}
	user, err := ssh.ParseKey([]byte(rec.UserKey))
	if err != nil {
		return nil
	}
	h := &hold{rec: rec}
	for _, n := range rec.Nodes {
		cfg, err := p.config(rec, n, user, false)
		if err != nil {
			return nil
		}
		node, err := remote.New(cfg)
		if err != nil {
			return nil
		}
		h.nodes = append(h.nodes, node)
	}
	return p.keep(h)
}

// Close lets go of a cluster, which stays up. Faults that stand are undone first.
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
	var mine *cluster.Cluster
	for c, h := range p.holds {
		if h.rec.ID == id && h.lock != nil {
			mine = c
		}
	}
	p.mu.Unlock()
	if mine == nil {
		return nil
	}
	h := p.forget(mine)
	if h == nil {
		return nil
	}
	_ = h.nodes.Close() // what cannot be closed is removed all the same
	return h.lock
}

// Heal takes every fault away that stands on any node of a cluster, whoever made it. It goes on past a node that
// cannot be reached, and the error names each.
func (p *Provider) Heal(ctx context.Context, c *cluster.Cluster) error {
	p.mu.Lock()
	h := p.holds[c]
	p.mu.Unlock()
	if h == nil {
		return fmt.Errorf("heal cluster %s: it is not connected to: attach to it first", c.ID)
	}
	return h.nodes.Undo(ctx)
}

// Down removes everything that carries the cluster's label, its keys too. A cluster that another controller has
// is left alone, with ErrInUse.
func (p *Provider) Down(ctx context.Context, c *cluster.Cluster) error {
	if err := cluster.CheckName("cluster", c.ID); err != nil {
		return err
	}
	var l *remote.Lock
	if h := p.forget(c); h != nil {
		// What cannot be closed is removed all the same.
		_ = h.nodes.Close()
		l = h.lock
	}
	if l == nil {
		l = p.own(c.ID)
	}
	if l == nil {
		var err error
		if l, err = p.take(c.ID, p.who); err != nil {
			return err
		}
	}
	return p.remove(ctx, c.ID, l)
}

// remove removes a cluster's containers, network and folder, and frees its lock. It goes on past what fails.
// The folder goes last: as long as anything is left, its keys are.
func (p *Provider) remove(ctx context.Context, id string, l *remote.Lock) error {
	e, mine := p.engine, labelled(labelCluster, id)
	list, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: mine})
	if err != nil {
		return errors.Join(fmt.Errorf("list the containers of cluster %s: %w", id, err), l.Free())
	}
	errs := make([]error, len(list.Items))
	var wg sync.WaitGroup
	for i, c := range list.Items {
		wg.Go(func() {
			_, err := e.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
			if err != nil && !gone(err) {
				errs[i] = fmt.Errorf("remove container %s: %w", strings.TrimPrefix(strings.Join(c.Names, " "), "/"), err)
			}
		})
	}
	wg.Wait()
	nets, err := e.NetworkList(ctx, client.NetworkListOptions{Filters: mine})
	if err != nil {
		errs = append(errs, fmt.Errorf("list the networks of cluster %s: %w", id, err))
	}
	for _, n := range nets.Items {
		if _, err := e.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil && !gone(err) {
			errs = append(errs, fmt.Errorf("remove network %s: %w", n.Name, err))
		}
	}
	if e.local() {
		removeGroups(id)
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, l.Free())
	}
	if err := os.RemoveAll(p.folder(id)); err != nil {
		errs = append(errs, fmt.Errorf("forget cluster %s: %w", id, err))
	}
	return errors.Join(append(errs, l.Free())...)
}
