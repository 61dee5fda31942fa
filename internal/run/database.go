package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/nemesis"
)

// setUpTries is how often the database is brought up before that is an error.
const setUpTries = 3

// clusterUp makes the cluster, or attaches to one that was left up.
func (r *runner) clusterUp(ctx context.Context) error {
	db, err := r.cfg.Target.DB(r.cfg.Params)
	if err != nil {
		return err
	}
	var c *cluster.Cluster
	if r.cfg.ClusterID != "" {
		c, err = r.cfg.Provider.Attach(ctx, r.cfg.ClusterID)
	} else {
		image := r.cfg.Target.Image
		if r.cfg.Target.Files != nil {
			if image, err = r.cfg.Target.Files(ctx, r.cfg.Params, r.show.detail); err != nil {
				return fmt.Errorf("prepare the image of %s: %w", r.cfg.Target.Name, err)
			}
		}
		c, err = r.cfg.Provider.Up(ctx, cluster.Spec{
			ID: r.meta.Cluster, Nodes: r.cfg.Nodes, Target: r.cfg.Target.Name, Image: image, Programs: r.cfg.Target.Programs,
			Leave: r.cfg.Leave, Daemons: db.Daemons(), Seed: r.cfg.Seed, Log: r.show.detail,
		})
	}
	if err != nil {
		return err
	}
	c.DB = db
	if g, ok := db.(interface{ Grace() time.Duration }); ok { // the database knows better than the provider
		c.Grace = g.Grace()
	}
	r.cluster = c
	r.plan.Nodes, r.meta.Nodes, r.meta.Cluster = c.Names(), c.Names(), c.ID
	if im, ok := r.cfg.Provider.(interface {
		ImageID(*cluster.Cluster) string
	}); ok {
		r.meta.Image = im.ImageID(c)
	}
	if len(c.Nodes) != r.cfg.Nodes {
		return fmt.Errorf("cluster %s has %d nodes, the run wants %d: give --node-count %d or another --cluster", c.ID, len(c.Nodes), r.cfg.Nodes, len(c.Nodes))
	}
	return r.refuse()
}

// refuse names the fault that needs more than the nodes or the database can.
func (r *runner) refuse() error {
	for _, f := range r.cfg.Faults {
		if err := nemesis.Refuse(f.Kind, r.cluster); err != nil {
			return err
		}
	}
	return nil
}

// clusterDown takes the cluster down, or lets go of it. It outlives cancellation.
func (r *runner) clusterDown() error {
	ctx, cancel := context.WithTimeout(context.Background(), r.cfg.Limits.Down)
	defer cancel()
	switch {
	case r.cfg.Leave:
		return r.cfg.Provider.Close(r.cluster)
	case r.cfg.ClusterID != "": // the cluster was there before and stays; the database that this run started does not
		err := eachNode(ctx, r.cluster, func(ctx context.Context, n cluster.Node) error { return r.cluster.DB.Stop(ctx, r.cluster, n) })
		return errors.Join(err, r.cfg.Provider.Close(r.cluster))
	}
	if err := r.cfg.Provider.Down(ctx, r.cluster); err != nil {
		return fmt.Errorf("%w: cluster %s is left: mend what is wrong ('partita doctor --fix' may), then 'partita cluster down %s' removes it", err, r.cluster.ID, r.cluster.ID)
	}
	return nil
}

// databaseUp wipes, configures and starts the database, and waits until each node serves. Databases fail to start
// for reasons that do not come back, so it tries three times.
func (r *runner) databaseUp(ctx context.Context) error {
	var err error
	for try := 1; try <= setUpTries; try++ {
		if err = r.databaseUpOnce(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		r.log.Warn("set-up failed", "try", try, "error", err)
		r.show.detail(fmt.Sprintf("set-up failed (try %d of %d): %v", try, setUpTries, err))
	}
	return fmt.Errorf("%s did not come up in %d tries: %w", r.cfg.Target.Name, setUpTries, err)
}

func (r *runner) databaseUpOnce(ctx context.Context) error {
	c := r.cluster
	for _, step := range []struct {
		name string
		do   func(context.Context, *cluster.Cluster, cluster.Node) error
	}{
		{"stop", c.DB.Kill}, {"wipe", c.DB.Wipe}, {"configure", c.DB.Setup}, {"start", c.DB.Start}, {"wait for", r.ready},
	} {
		if err := eachNode(ctx, c, func(ctx context.Context, n cluster.Node) error {
			if err := bounded(ctx, r.cfg.Limits.Step, func(ctx context.Context) error { return step.do(ctx, c, n) }); err != nil {
				return fmt.Errorf("%s %s on %s: %w", step.name, r.cfg.Target.Name, n.Name(), err)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		v := make(chan string, 1)
		if err := bounded(ctx, r.cfg.Limits.Step, func(ctx context.Context) error {
			s, err := c.DB.Version(ctx, c, n)
			v <- s
			return err
		}); err != nil {
			return fmt.Errorf("ask %s on %s for its version: %w", r.cfg.Target.Name, n.Name(), err)
		}
		r.meta.Database[n.Name()] = <-v
	}
	return nil
}

// ready waits until the node serves.
func (r *runner) ready(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	return waitReady(ctx, c, n, r.cfg.Limits.Ready)
}

func waitReady(ctx context.Context, c *cluster.Cluster, n cluster.Node, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = c.DB.Ready(ctx, c, n); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not serve within %s: %w", most, last)
		case <-tick.C:
		}
	}
}

// eachNode does f on all nodes at once and joins the errors.
func eachNode(ctx context.Context, c *cluster.Cluster, f func(context.Context, cluster.Node) error) error {
	errs := make([]error, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		wg.Go(func() { errs[i] = f(ctx, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
