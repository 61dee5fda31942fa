package sched

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
	"github.com/partita-dev/partita/workloads"
)

// Appender is where events go; a *history.Writer is one. An error means that nothing can be recorded any more.
type Appender interface {
	Append(history.Op) error
}

// Config is what a Scheduler works with.
type Config struct {
	Cluster *cluster.Cluster // worker w talks to node w mod n; nil where there are no nodes
	Driver  clients.Driver
	Object  string   // whose operations of the driver are meant; "register" when empty
	Ops     []string // the operations the workload needs: New refuses a driver that lacks one
	Workers int
	Seed    uint64

	OpTimeout   time.Duration // of one operation; 1 s when 0
	DialTimeout time.Duration // of opening a connection; OpTimeout when 0
	// Grace is how long after both time-outs a client that ignores its context is waited for; 1 s when 0.
	Grace time.Duration

	History Appender
	// Nemesis performs operations that a generator gives to the nemesis; nil when none does.
	Nemesis func(ctx context.Context, op history.Op) history.Value
	Log     *slog.Logger // nil for none
	// OnOp sees each event after it was written, in order. It must be quick, and must not call the Scheduler.
	OnOp func(history.Op)

	// World carries operations to clients in another way than goroutines over Driver (which may be nil then).
	World workloads.World
}

func (c Config) withDefaults() Config {
	if c.Object == "" {
		c.Object = "register"
	}
	if c.OpTimeout <= 0 {
		c.OpTimeout = time.Second
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = c.OpTimeout
	}
	if c.Grace <= 0 {
		c.Grace = time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// check refuses what cannot run.
func (c Config) check(specs map[string]clients.OpSpec) error {
	switch {
	case c.Workers < 1:
		return fmt.Errorf("%d workers: expected 1 or more", c.Workers)
	case c.History == nil:
		return errors.New("no history to write to")
	case c.World != nil:
		return nil
	case c.Driver == nil:
		return errors.New("no driver to reach the database with")
	}
	for _, name := range c.Ops {
		if _, ok := specs[name]; !ok {
			return c.lacks(name, specs)
		}
	}
	return nil
}

func (c Config) lacks(name string, specs map[string]clients.OpSpec) error {
	var has []string
	for n := range specs {
		has = append(has, n)
	}
	slices.Sort(has)
	return fmt.Errorf("the driver has no operation %q of a %s: it has %s", name, c.Object, strings.Join(has, ", "))
}

func (c Config) specs() map[string]clients.OpSpec {
	m := map[string]clients.OpSpec{}
	if c.Driver == nil {
		return m
	}
	for _, o := range c.Driver.Ops() {
		if o.Object == c.Object {
			m[o.Name] = o
		}
	}
	return m
}

// node gives the name of a worker's node, "" where there are none.
func (c Config) node(worker int) string {
	if n := c.clusterNode(worker); n != nil {
		return n.Name()
	}
	return ""
}

func (c Config) clusterNode(worker int) cluster.Node {
	if c.Cluster == nil || len(c.Cluster.Nodes) == 0 {
		return nil
	}
	return c.Cluster.Nodes[worker%len(c.Cluster.Nodes)]
}

// Counts are the clients' operations so far.
type Counts struct {
	store.Counts
	Open int64 // invoked and not yet completed
	Left int64 // goroutines of clients that ignored their context and have not come back
}
