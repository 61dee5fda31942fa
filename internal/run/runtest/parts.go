package runtest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"

	"github.com/partita-dev/partita/cluster"
)

// errMemory is the error of what a node in memory cannot do.
var errMemory = errors.New("the node is in memory only")

// node is a node in memory: it has a network that can be cut, a daemon, and a log.
type node struct {
	w    *World
	name string
}

var (
	_ cluster.Processes = node{}
	_ cluster.Files     = node{}
)

func (n node) Name() string                                       { return n.name }
func (node) Can() cluster.Caps                                    { return cluster.Network | cluster.File }
func (node) Dir() string                                          { return "/" }
func (node) Peer(context.Context) ([]netip.Addr, error)           { return nil, errMemory }
func (node) Dial(context.Context, int) (net.Conn, error)          { return nil, errMemory }
func (node) Start(context.Context, cluster.Daemon) error          { return nil }
func (node) Signal(context.Context, string, cluster.Signal) error { return nil }

func (n node) Status(ctx context.Context, daemon string) (cluster.Process, error) {
	if n.w.o.Status != nil {
		return n.w.o.Status(ctx, n.name)
	}
	return cluster.Process{Name: daemon, Running: true}, nil
}

func (node) Put(context.Context, string, io.Reader, fs.FileMode) error { return errMemory }

func (n node) Get(_ context.Context, _ string, to io.Writer, _ int64) error {
	text := "the log of " + n.name + "\n"
	if n.w.o.Log != nil {
		var err error
		if text, err = n.w.o.Log(n.name); err != nil {
			return err
		}
	}
	_, err := io.WriteString(to, text)
	return err
}

// database is the automation: each step is the world's to fail.
type database struct{ w *World }

var (
	_ cluster.Database  = database{}
	_ cluster.Primaries = database{}
	_ cluster.LogFiles  = database{}
)

func (d database) step(ctx context.Context, name string, n cluster.Node) error {
	if d.w.o.Step == nil {
		return nil
	}
	return d.w.o.Step(ctx, name, n.Name())
}

func (d database) Setup(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "configure", n)
}

func (d database) Start(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "start", n)
}

func (d database) Ready(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "wait for", n)
}

func (d database) Stop(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "stop", n)
}

func (d database) Kill(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "stop", n)
}

func (d database) Wipe(ctx context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.step(ctx, "wipe", n)
}

func (d database) Version(ctx context.Context, _ *cluster.Cluster, n cluster.Node) (string, error) {
	return "1.0", d.step(ctx, "version", n)
}

func (database) Daemons() []string              { return []string{"memory"} }
func (database) LogFiles(cluster.Node) []string { return []string{"/memory.log"} }
func (database) Primaries(context.Context, *cluster.Cluster) ([]string, error) {
	return []string{"n1"}, nil
}

// network keeps who must not hear whom, and answers probes accordingly.
type network struct{ w *World }

func (n network) Set(_ context.Context, edges []cluster.Edge) error {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	n.w.edges = slices.Clone(edges)
	return nil
}

func (n network) Reach(_ context.Context, edges []cluster.Edge) ([]cluster.Evidence, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	var out []cluster.Evidence
	for _, e := range edges {
		heard := 5
		if slices.Contains(n.w.edges, e) {
			heard = 0
		}
		out = append(out, cluster.Evidence{Edge: e, Flows: []cluster.Flow{
			{Family: "ipv4", Kind: "old", Sent: 5, Heard: heard}, {Family: "ipv4", Kind: "fresh", Sent: 5, Heard: heard},
		}})
	}
	return out, nil
}
