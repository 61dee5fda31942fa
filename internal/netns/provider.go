//go:build linux

package netns

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/remote"
	"github.com/partita-dev/partita/internal/ssh"
)

const (
	// Grace is how long after healing a database may need, unless its target says otherwise.
	Grace = 5 * time.Second
	// loginLimit is how long a node may take from its start until it can be logged in to.
	loginLimit = 60 * time.Second
	// cleanLimit bounds the removal of what a failed Up made.
	cleanLimit = 60 * time.Second
)

// Options change what a Provider does by itself. The zero value is good.
type Options struct {
	// State is the folder that remembers clusters; "": $PARTITA_STATE, else partita in the user's state folder.
	State string
}

// Provider makes clusters of network namespaces. Its methods may be called at the same time, for different clusters.
type Provider struct {
	state  string
	holder string // this controller's name for the nodes' agents
	who    string // and for people

	mu    sync.Mutex
	holds map[*cluster.Cluster]*hold
	hubs  map[string]*child // those that this Provider started, by the cluster's id
}

// hold is what a Provider has of a cluster it is connected to.
type hold struct {
	lock  *remote.Lock // nil when the cluster is shared
	nodes remote.Group
	rec   record
}

var _ cluster.Provider = (*Provider)(nil)

// New makes a provider. Whether namespaces can be made here Check says.
func New(o Options) (*Provider, error) {
	state := o.State
	if state == "" {
		var err error
		if state, err = remote.StateDir(); err != nil {
			return nil, err
		}
	}
	return &Provider{
		state: state, holds: map[*cluster.Cluster]*hold{}, hubs: map[string]*child{},
		holder: "controller-" + strings.ToLower(rand.Text()[:8]),
		who:    fmt.Sprintf("process %d (%s), since %s", os.Getpid(), strings.Join(os.Args, " "), time.Now().Format(time.DateTime)),
	}, nil
}

// Up makes a cluster and connects to every node. It first removes what controllers left that were killed.
func (p *Provider) Up(ctx context.Context, spec cluster.Spec) (_ *cluster.Cluster, err error) {
	id := spec.ID
	if id == "" {
		id = cluster.NewID()
	}
	if err := cluster.CheckName("cluster", id); err != nil {
		return nil, err
	}
	if spec.Nodes < 1 || spec.Nodes > maxNodes {
		return nil, fmt.Errorf("make cluster %s: %d nodes: expected 1 to %d", id, spec.Nodes, maxNodes)
	}
	log := spec.Log
	if log == nil {
		log = func(string) {}
	}
	p.sweep(ctx)
	if _, err := os.Stat(p.folder(id)); err == nil {
		return nil, fmt.Errorf("make cluster %s: there is one with this id: take it down, or choose another id", id)
	}
	l, err := p.take(id)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
			defer cancel()
			err = errors.Join(err, p.remove(clean, id, l))
		}
	}()
	// Before any node runs, so that a slow build of the agent is not counted as a slow node.
	binary, err := agent.Binary(ctx)
	if err != nil {
		return nil, err
	}
	programs, err := newStore().provide(ctx, spec.Programs, log)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	rec, cfg, err := p.plan(id, spec, binary, programs)
	if err != nil {
		return nil, err
	}
	hub, err := startHub(ctx, binary, cfg, spec.Leave)
	if err != nil {
		return nil, fmt.Errorf("make cluster %s: %w", id, err)
	}
	p.mu.Lock()
	p.hubs[id] = hub
	p.mu.Unlock()
	c, err := p.connect(ctx, rec, l, true)
	if err != nil {
		return nil, err
	}
	log(fmt.Sprintf("cluster %s: %d nodes in %.1f s", id, spec.Nodes, time.Since(begin).Seconds()))
	return c, nil
}

// plan makes the keys and the folders of a cluster, and what its hub is told.
func (p *Provider) plan(id string, spec cluster.Spec, binary, programs string) (record, hubConfig, error) {
	user, err := ssh.NewKey()
	if err != nil {
		return record{}, hubConfig{}, err
	}
	sum, err := agent.Sum(binary)
	if err != nil {
		return record{}, hubConfig{}, err
	}
	rec := record{ID: id, Agent: sum, Target: spec.Target, Created: time.Now().UTC(), Daemons: spec.Daemons, UserKey: string(user.Private)}
	cfg := hubConfig{ID: id, Dir: p.folder(id)}
	path := systemPath
	if programs != "" {
		path += ":" + filepath.Join(programsDir, "bin")
	}
	for i := range spec.Nodes {
		host, err := ssh.NewKey()
		if err != nil {
			return record{}, hubConfig{}, err
		}
		n := nodeConfig{
			Name: fmt.Sprintf("n%d", i+1), Addrs: addrsOf(i), HostKey: string(host.Private), Authorized: user.Authorized,
			Binary: binary, Programs: programs, Path: path,
		}
		n.Data = filepath.Join(cfg.Dir, "nodes", n.Name)
		if err := os.MkdirAll(n.Data, 0o755); err != nil {
			return record{}, hubConfig{}, fmt.Errorf("make the data folder of %s: %w", n.Name, err)
		}
		cfg.Nodes = append(cfg.Nodes, n)
		rec.Nodes = append(rec.Nodes, nodeRecord{n.Name, host.Authorized})
	}
	hosts := hostsFile(cfg.Nodes)
	for i := range cfg.Nodes {
		cfg.Nodes[i].Hosts = hosts
	}
	return rec, cfg, p.save(rec)
}

// connect logs in to every node of a cluster, all at once. On an error no connection is left; the lock is the
// caller's still.
func (p *Provider) connect(ctx context.Context, rec record, l *remote.Lock, holding bool) (*cluster.Cluster, error) {
	cfgs, err := p.configs(rec, holding)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	nodes, err := remote.AttachAll(ctx, cfgs)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster %s: %w", rec.ID, err)
	}
	return p.keep(&hold{lock: l, rec: rec, nodes: nodes}), nil
}

// keep makes the cluster of a hold.
func (p *Provider) keep(h *hold) *cluster.Cluster {
	c := &cluster.Cluster{ID: h.rec.ID, Grace: Grace, Net: agent.NewNet(h.rec.ID, h.nodes.Members)}
	for _, n := range h.nodes {
		c.Nodes = append(c.Nodes, n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds[c] = h
	return c
}

// configs says how each node is reached.
func (p *Provider) configs(rec record, holding bool) ([]remote.Config, error) {
	user, err := ssh.ParseKey([]byte(rec.UserKey))
	if err != nil {
		return nil, fmt.Errorf("read the key of cluster %s: %w", rec.ID, err)
	}
	holder := ""
	if holding {
		holder = p.holder
	}
	dir := p.folder(rec.ID)
	cfgs := make([]remote.Config, len(rec.Nodes))
	for i, n := range rec.Nodes {
		pinned, err := ssh.ParsePublic(n.HostKey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name, err)
		}
		var addrs []netip.Addr
		for _, a := range addrsOf(i) {
			addrs = append(addrs, a.Addr())
		}
		reach := func(ctx context.Context, port int) (net.Conn, error) {
			return dial(ctx, dir, netip.AddrPortFrom(addrs[0], uint16(port)))
		}
		cfgs[i] = remote.Config{
			SSH: ssh.Config{
				Node: n.Name, Addr: fmt.Sprintf("%s (cluster %s)", addrs[0], rec.ID), Signer: user.Signer, HostKey: pinned,
				Dial: func(ctx context.Context) (net.Conn, error) { return reach(ctx, sshPort) },
			},
			Dir: dataDir, Holder: holder, Installed: rec.Agent, Dial: reach,
			Peer: func(context.Context) ([]netip.Addr, error) { return addrs, nil },
		}
	}
	return cfgs, nil
}
