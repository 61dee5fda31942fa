package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/remote"
	"github.com/partita-dev/partita/internal/ssh"
)

const (
	// Grace is how long after healing a database may need, unless its target says otherwise.
	Grace = 5 * time.Second
	// loginLimit is how long a container may take from its start until it can be logged in to.
	loginLimit = 60 * time.Second
	// cleanLimit bounds the removal of what a failed Up made.
	cleanLimit = 60 * time.Second
)

// Provider makes clusters of containers. Its methods may be called at the same time, for different clusters.
type Provider struct {
	engine *engine
	state  string
	holder string // this controller's name for the nodes' agents
	who    string // and for people

	mu    sync.Mutex
	holds map[*cluster.Cluster]*hold
}

// hold is what a Provider has of a cluster it is connected to.
type hold struct {
	lock  *remote.Lock // nil when the cluster is shared
	nodes remote.Group
	rec   record
}

var _ cluster.Provider = (*Provider)(nil)

// Options change what a Provider does by itself. The zero value is good.
type Options struct {
	// State is the folder that remembers clusters; "": $PARTITA_STATE, else partita in the user's state folder.
	State string
}

// New connects to the engine. The error wraps ErrNoEngine when none answers, and says what to do.
func New(ctx context.Context, o Options) (*Provider, error) {
	state := o.State
	if state == "" {
		var err error
		if state, err = remote.StateDir(); err != nil {
			return nil, err
		}
	}
	e, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Provider{
		engine: e, state: state, holds: map[*cluster.Cluster]*hold{},
		holder: "controller-" + strings.ToLower(rand.Text()[:8]),
		who:    fmt.Sprintf("process %d (%s), since %s", os.Getpid(), strings.Join(os.Args, " "), time.Now().Format(time.DateTime)),
	}, nil
}

// CloseEngine lets go of the engine. Clusters are closed or taken down before.
func (p *Provider) CloseEngine() error { return p.engine.Close() }

// API is the version of the engine's API that is spoken.
func (p *Provider) API() string { return p.engine.api }

// Up makes a cluster and connects to every node.
func (p *Provider) Up(ctx context.Context, spec cluster.Spec) (_ *cluster.Cluster, err error) {
	id := spec.ID
	if id == "" {
		id = cluster.NewID()
	}
	if err := check(id, spec); err != nil {
		return nil, err
	}
	log := spec.Log
	if log == nil {
		log = func(string) {}
	}
	l, err := p.take(id, p.who)
	if err != nil {
		return nil, err
	}
	if taken, err := p.exists(ctx, id); err != nil || taken {
		_ = l.Free() // the folder stays: it is the other's
		if err == nil {
			err = fmt.Errorf("make cluster %s: there is one with this id: take it down, or choose another id", id)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
			defer cancel()
			err = errors.Join(err, p.remove(clean, id, l))
		}
	}()
	tag, err := p.engine.imageFor(ctx, spec.Target, spec.Image, spec.BuildArgs, log)
	if err != nil {
		return nil, err
	}
	// Before any container runs, so that a slow build of the agent is not counted as a slow node.
	if _, err := agent.Binary(ctx); err != nil {
		return nil, err
	}
	begin := time.Now()
	rec, err := p.start(ctx, id, tag, spec)
	if err != nil {
		return nil, err
	}
	c, err := p.connect(ctx, rec, l, true)
	if err != nil {
		return nil, err
	}
	log(fmt.Sprintf("cluster %s: %d nodes in %.1f s", id, spec.Nodes, time.Since(begin).Seconds()))
	return c, nil
}

func check(id string, spec cluster.Spec) error {
	if err := cluster.CheckName("cluster", id); err != nil {
		return err
	}
	if spec.Nodes < 1 || spec.Nodes > 99 {
		return fmt.Errorf("make cluster %s: %d nodes: expected 1 to 99", id, spec.Nodes)
	}
	if spec.Target == "" && spec.Image == nil {
		return nil
	}
	if slug(spec.Target) == "" {
		return fmt.Errorf("make cluster %s: the target %q is no name for an image", id, spec.Target)
	}
	return cluster.CheckName("target", spec.Target)
}

// start makes the keys, the network and the containers of a cluster.
func (p *Provider) start(ctx context.Context, id, tag string, spec cluster.Spec) (record, error) {
	imageID, err := p.engine.imageID(ctx, tag)
	if err != nil {
		return record{}, err
	}
	user, err := ssh.NewKey()
	if err != nil {
		return record{}, err
	}
	rec := record{
		ID: id, Target: spec.Target, Image: tag, ImageID: imageID, Created: time.Now().UTC(),
		Daemons: spec.Daemons, UserKey: string(user.Private),
	}
	hosts := make([]ssh.Key, spec.Nodes)
	for i := range hosts {
		if hosts[i], err = ssh.NewKey(); err != nil {
			return record{}, err
		}
		rec.Nodes = append(rec.Nodes, nodeRecord{fmt.Sprintf("n%d", i+1), hosts[i].Authorized})
	}
	if err := p.save(rec); err != nil {
		return record{}, err
	}
	if err := p.engine.network(ctx, id, spec.Target); err != nil {
		return record{}, err
	}
	g, gctx := errgroup.WithContext(ctx)
	for i, n := range rec.Nodes {
		g.Go(func() error { return p.engine.create(gctx, rec, n.Name, user, hosts[i]) })
	}
	return rec, g.Wait()
}

// connect logs in to every node of a cluster, all at once. On an error no connection is left; the lock is the
// caller's still.
func (p *Provider) connect(ctx context.Context, rec record, l *remote.Lock, holding bool) (*cluster.Cluster, error) {
	user, err := ssh.ParseKey([]byte(rec.UserKey))
	if err != nil {
		return nil, fmt.Errorf("read the key of cluster %s: %w", rec.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	h := &hold{lock: l, rec: rec, nodes: make(remote.Group, len(rec.Nodes))}
	errs := make([]error, len(rec.Nodes))
	var wg sync.WaitGroup
	for i, n := range rec.Nodes {
		wg.Go(func() { h.nodes[i], errs[i] = p.attach(ctx, rec, n, user, holding) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to cluster %s: %w", rec.ID, err), h.nodes.Close())
	}
	return p.keep(h), nil
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

// attach connects to a node.
func (p *Provider) attach(ctx context.Context, rec record, n nodeRecord, user ssh.Key, holding bool) (*remote.Node, error) {
	cfg, err := p.config(rec, n, user, holding)
	if err != nil {
		return nil, err
	}
	// A container that ended will not answer: say so at once instead of knocking until the time is over.
	if _, err := p.engine.peer(ctx, rec.ID, n.Name); err != nil {
		return nil, err
	}
	return remote.Attach(ctx, cfg)
}

// config says how a node is reached.
func (p *Provider) config(rec record, n nodeRecord, user ssh.Key, holding bool) (remote.Config, error) {
	pinned, err := ssh.ParsePublic(n.HostKey)
	if err != nil {
		return remote.Config{}, fmt.Errorf("%s: %w", n.Name, err)
	}
	holder := ""
	if holding {
		holder = p.holder
	}
	dial := func(ctx context.Context, port int) (net.Conn, error) { return p.engine.dial(ctx, rec.ID, n.Name, port) }
	return remote.Config{
		SSH: ssh.Config{
			Node: n.Name, Addr: fmt.Sprintf("%s:%d", containerName(rec.ID, n.Name), sshPort), Signer: user.Signer, HostKey: pinned,
			Dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, sshPort) },
		},
		Dir: dataDir, Holder: holder, Dial: dial,
		Peer: func(ctx context.Context) ([]netip.Addr, error) { return p.engine.peer(ctx, rec.ID, n.Name) },
	}, nil
}
