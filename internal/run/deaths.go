package run

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/nemesis"
)

const (
	// aliveFor is how long a node may take to say whether its daemons still run.
	aliveFor = 10 * time.Second
	// aliveEvery is how often it is asked.
	aliveEvery = time.Second
	// deadFor is how long a daemon lies dead before nobody waits for its node any more: some databases are started anew by
	// a supervisor of theirs.
	deadFor = 2 * time.Second
)

// deaths are the daemons that died without being asked to.
type deaths struct {
	mu   sync.Mutex
	all  []string
	down map[corpse]time.Time // those that do not run, and when that was noticed
}

// corpse is a daemon that died by itself.
type corpse struct{ node, daemon string }

// add notes one; true when it was not known.
func (d *deaths) add(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.all, text) {
		return false
	}
	d.all = append(d.all, text)
	return true
}

// mark keeps whether a daemon lies dead now.
func (d *deaths) mark(node, daemon string, dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := corpse{node, daemon}
	switch _, was := d.down[c]; {
	case !dead:
		delete(d.down, c)
	case !was:
		if d.down == nil {
			d.down = map[corpse]time.Time{}
		}
		d.down[c] = time.Now()
	}
}

// nodes are those with a daemon that lies dead for at least so long.
func (d *deaths) nodes(least time.Duration) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for c, since := range d.down {
		if time.Since(since) >= least && !slices.Contains(out, c.node) {
			out = append(out, c.node)
		}
	}
	slices.Sort(out)
	return out
}

// watchDaemons asks each node, every second, whether its daemons still run, until ctx ends. One that died by itself is
// in the history within seconds, and with the casualties at the end.
func (r *runner) watchDaemons(ctx context.Context, nem *nemesis.Runner, inject func(history.Op)) {
	_ = eachNode(ctx, r.cluster, func(ctx context.Context, n cluster.Node) error {
		p, ok := n.(cluster.Processes)
		for ok && sleepUntil(ctx, time.Now().Add(aliveEvery)) {
			for _, d := range r.cluster.DB.Daemons() {
				if nem.Ends(n.Name()) {
					break
				}
				st, err := askStatus(ctx, p, d)
				if err != nil || nem.Ends(n.Name()) {
					continue // who cannot be asked is asked once more at the end
				}
				dead := !st.Running && !st.Asked
				r.deaths.mark(n.Name(), d, dead)
				if !dead {
					continue
				}
				if text := died(n, d, st); r.deaths.add(text) {
					r.log.Error("a daemon died by itself", "node", n.Name(), "daemon", d, "exit", st.Exit)
					inject(history.Op{Type: history.Info, F: history.Died, Node: n.Name(), Err: history.Err{Code: history.Died, Text: text}})
				}
			}
		}
		return nil
	})
}

func askStatus(ctx context.Context, p cluster.Processes, daemon string) (cluster.Process, error) {
	status := make(chan cluster.Process, 1)
	err := bounded(ctx, aliveFor, func(ctx context.Context) error {
		st, err := p.Status(ctx, daemon)
		status <- st
		return err
	})
	if err != nil {
		return cluster.Process{}, err
	}
	return <-status, nil
}

func died(n cluster.Node, daemon string, st cluster.Process) string {
	return fmt.Sprintf("%s on %s died by itself (%s): see logs/%s", daemon, n.Name(), st.Exit, n.Name())
}

// casualties notes each daemon that died without being asked to, and each node that cannot be asked: such a run accuses
// nobody, and is not valid.
func (r *runner) casualties() {
	_ = eachNode(context.Background(), r.cluster, func(ctx context.Context, n cluster.Node) error {
		p, ok := n.(cluster.Processes)
		if !ok {
			return nil
		}
		for _, d := range r.cluster.DB.Daemons() {
			st, err := askStatus(ctx, p, d)
			if err != nil {
				r.deaths.add(fmt.Sprintf("node %s could not be asked whether %s still runs: %v", n.Name(), d, err))
				return nil
			}
			if !st.Running && !st.Asked {
				r.deaths.add(died(n, d, st))
			}
		}
		return nil
	})
	slices.Sort(r.deaths.all)
	for _, s := range r.deaths.all {
		r.void("nodes", s)
	}
}
