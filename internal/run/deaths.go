package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
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
)

// deaths are the daemons that died without being asked to.
type deaths struct {
	mu  sync.Mutex
	all []string
}

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

// watchDaemons asks each node, every second, whether its daemons still run, until ctx ends. One that died by itself is
// in the history within seconds, and with the casualties at the end.
func (r *runner) watchDaemons(ctx context.Context, nem *nemesis.Runner, inject func(history.Op)) {
	_ = eachNode(ctx, r.cluster, func(ctx context.Context, n cluster.Node) error {
		p, ok := n.(cluster.Processes)
		for ok && sleepUntil(ctx, time.Now().Add(aliveEvery)) {
			for _, d := range r.cluster.DB.Daemons() {
				if planned(nem, n.Name()) {
					break
				}
				st, err := askStatus(ctx, p, d)
				if err != nil || st.Running || st.Asked || planned(nem, n.Name()) {
					continue // who cannot be asked is asked once more at the end
				}
				if text := died(n, d, st); r.deaths.add(text) {
					r.log.Error("a daemon died by itself", "node", n.Name(), "daemon", d, "exit", st.Exit)
					inject(history.Op{Type: history.Info, F: "died", Node: n.Name(), Err: history.Err{Code: "died", Text: text}})
				}
			}
		}
		return nil
	})
}

// planned reports whether a fault that ends and starts processes has the node, from its command to its recovery.
func planned(nem *nemesis.Runner, node string) bool {
	return slices.ContainsFunc(nem.Windows(), func(w history.Window) bool {
		kind, _, _ := strings.Cut(w.Fault, ":")
		return (kind == "kill" || kind == "stop") && w.Commanded.From.Happened() && !w.Recovered.Happened() && slices.Contains(w.Harmed, node)
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
