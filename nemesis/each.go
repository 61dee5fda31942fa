package nemesis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// lateBy is how much longer than its context a call of a target's code is waited for.
const lateBy = 2 * time.Second

// each does f on all of some nodes at once and joins the errors: a node that fails, or is not there, keeps no other from
// being done. What it calls is a target's code: a panic is an error, and code that ignores its context is left behind.
func each(ctx context.Context, c *cluster.Cluster, nodes []string, do string, f func(context.Context, cluster.Node) error) error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, name := range nodes {
		wg.Go(func() {
			n, err := c.Node(name)
			if err == nil {
				err = guarded(ctx, func() error { return f(ctx, n) })
			}
			if err != nil {
				errs[i] = fmt.Errorf("%s on %s: %w", do, name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func guarded(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("it panicked: %v", p)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(lateBy)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return fmt.Errorf("it ignored the end of its time and was left behind: %w", context.Cause(ctx))
	}
}
