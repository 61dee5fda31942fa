package runtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/run"
)

// Options say what goes wrong. The zero value is a world in which all goes well.
type Options struct {
	// Fault chooses how an operation goes wrong.
	Fault func(node string, op history.Op) memory.Fault
	// Release ends the operations that ignore their context.
	Release <-chan struct{}
	// Step comes before a step of the database's automation, "stop", "wipe", "configure", "start", "wait for" or
	// "version", and fails it.
	Step func(ctx context.Context, step, node string) error
	// Status says how the daemon of a node is; nil: it runs.
	Status func(ctx context.Context, node string) (cluster.Process, error)
	// Up and Down come before the provider's, and fail them.
	Up, Down func(context.Context) error
	// Prepare is the driver's preparation of the database.
	Prepare func(context.Context) error
	// Log is what a node's log says.
	Log func(node string) (string, error)
}

// World is a database in memory with everything around it that a run wants.
type World struct {
	o     Options
	store *memory.Store

	mu    sync.Mutex
	edges []cluster.Edge
	up    map[string]bool
	ups   int
}

// New makes a world.
func New(o Options) *World {
	return &World{o: o, store: memory.NewStore(), up: map[string]bool{}}
}

// Cut is what nodes must not hear now.
func (w *World) Cut() []cluster.Edge {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.edges
}

// Clusters is how many were made, and how many are there.
func (w *World) Clusters() (made, left int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ups, len(w.up)
}

// TargetName is the target's name.
const TargetName = "memory"

// Target is the target.
func (w *World) Target() catalog.Target {
	return catalog.Target{
		Name: TargetName, Doc: "A database in memory, for tests.", Default: "register",
		DB: func(history.Params) (cluster.Database, error) { return database{w}, nil },
		Driver: func(p history.Params) (clients.Driver, error) {
			return driver{&memory.Driver{Store: w.store, Object: p["object"], Fault: w.o.Fault, Release: w.o.Release}, w}, nil
		},
	}
}

// driver is the one in memory, with a preparation that can fail.
type driver struct {
	*memory.Driver
	w *World
}

func (d driver) Setup(ctx context.Context, _ *cluster.Cluster, _ history.Params) error {
	if d.w.o.Prepare == nil {
		return nil
	}
	return d.w.o.Prepare(ctx)
}

// Config is a run of half a second without faults, which a test changes as it likes.
func (w *World) Config(store string) run.Config {
	cat := catalog.Default()
	cat.Targets = append(cat.Targets, w.Target())
	wl, err := cat.Workload(w.Target(), "register")
	if err != nil {
		panic(err) // the catalogue's own workload
	}
	return run.Config{
		Catalog: cat, Target: w.Target(), Workload: wl, Provider: provider{w}, ProviderName: TargetName,
		Nodes: 3, Workers: 6, Seed: 1, TimeLimit: 500 * time.Millisecond, OpTimeout: 200 * time.Millisecond, Interval: time.Second, Rate: 400,
		Store: store, Command: "partita test " + TargetName, Version: "test",
		Limits: run.Limits{Step: 2 * time.Second, Ready: time.Second, Recover: time.Second, Prepare: time.Second, Down: 10 * time.Second},
	}
}

// provider makes clusters in memory.
type provider struct{ w *World }

var _ cluster.Provider = provider{}

func (p provider) Up(ctx context.Context, s cluster.Spec) (*cluster.Cluster, error) {
	if p.w.o.Up != nil {
		if err := p.w.o.Up(ctx); err != nil {
			return nil, err
		}
	}
	if s.ID == "" {
		return nil, errors.New("a run gives its cluster a name, so that it can say what it leaves")
	}
	p.w.mu.Lock()
	p.w.up[s.ID] = true
	p.w.ups++
	p.w.mu.Unlock()
	return p.make(s.ID, s.Nodes), nil
}

func (p provider) make(id string, nodes int) *cluster.Cluster {
	c := &cluster.Cluster{ID: id, Net: network(p)}
	for i := range nodes {
		c.Nodes = append(c.Nodes, node{p.w, fmt.Sprintf("n%d", i+1)})
	}
	return c
}

func (p provider) Find(context.Context) ([]*cluster.Cluster, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	var cs []*cluster.Cluster
	for id := range p.w.up {
		cs = append(cs, p.make(id, 3))
	}
	return cs, nil
}

func (p provider) Attach(_ context.Context, id string) (*cluster.Cluster, error) {
	return p.make(id, 3), nil
}

func (p provider) Down(ctx context.Context, c *cluster.Cluster) error {
	if p.w.o.Down != nil {
		if err := p.w.o.Down(ctx); err != nil {
			return err
		}
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	delete(p.w.up, c.ID)
	return nil
}

func (provider) Close(*cluster.Cluster) error { return nil }
