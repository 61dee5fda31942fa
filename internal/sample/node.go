package sample

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"

	"github.com/partita-dev/partita/cluster"
)

// Daemon is the name of the one daemon on a node of the sample.
const Daemon = "sample"

// logFile is the name of a replica's log.
const logFile = "sample.log"

// node is a replica as a node of a cluster.
type node struct {
	h    *Host
	name string
}

var (
	_ cluster.Files     = (*node)(nil)
	_ cluster.Processes = (*node)(nil)
)

var errInside = errors.New("the nodes of the sample are inside this process: there is nothing to connect to")

func (n *node) Name() string                             { return n.name }
func (*node) Can() cluster.Caps                          { return cluster.Network | cluster.Kill | cluster.Pause }
func (*node) Dir() string                                { return "" }
func (*node) Peer(context.Context) ([]netip.Addr, error) { return nil, errInside }

func (*node) Dial(context.Context, int) (net.Conn, error) { return nil, errInside }

// Put refuses: a replica has no files.
func (n *node) Put(context.Context, string, io.Reader, fs.FileMode) error {
	return fmt.Errorf("write a file on %s: %w", n.name, errInside)
}

// Get copies the log of the replica, which is its only file.
func (n *node) Get(_ context.Context, path string, w io.Writer, limit int64) error {
	if path != logFile {
		return fmt.Errorf("read %s on %s: %w", path, n.name, fs.ErrNotExist)
	}
	var text string
	var err error
	n.h.do(func(s *Store) { text, err = s.Log(n.name) })
	if err != nil {
		return err
	}
	if limit > 0 && int64(len(text)) > limit {
		text = text[int64(len(text))-limit:]
	}
	_, err = io.WriteString(w, text)
	return err
}

// Start starts the replica.
func (n *node) Start(context.Context, cluster.Daemon) error { return n.on((*Store).Start) }

// Signal sends a signal to the replica.
func (n *node) Signal(_ context.Context, _ string, sig cluster.Signal) error {
	switch sig {
	case cluster.SigKill:
		return n.on((*Store).Kill)
	case cluster.SigTerm:
		return n.on((*Store).Stop)
	case cluster.SigStop:
		return n.on((*Store).Pause)
	case cluster.SigCont:
		return n.on((*Store).Resume)
	}
	return fmt.Errorf("signal %s on %s: it is not known", sig, n.name)
}

// Status says how the replica is.
func (n *node) Status(context.Context, string) (p cluster.Process, err error) {
	n.h.do(func(s *Store) {
		var r *replica
		if r, err = s.replica(n.name); err != nil {
			return
		}
		p = cluster.Process{Name: Daemon, Running: r.up, Paused: r.paused, Asked: r.asked}
		switch {
		case !r.up && r.asked:
			p.Exit = "signal: killed"
		case !r.up:
			p.Exit = "panic"
		}
	})
	return p, err
}

func (n *node) on(f func(*Store, string) error) (err error) {
	n.h.do(func(s *Store) { err = f(s, n.name) })
	return err
}

// wires is the network of a store as that of a cluster.
type wires struct{ h *Host }

func (w wires) Set(_ context.Context, edges []cluster.Edge) (err error) {
	w.h.do(func(s *Store) { err = s.Cut(edges) })
	return err
}

func (w wires) Reach(_ context.Context, edges []cluster.Edge) (es []cluster.Evidence, _ error) {
	w.h.do(func(s *Store) { es = s.Reach(edges) })
	return es, nil
}

// Cluster is a host's store as a cluster.
func (h *Host) Cluster(id string) *cluster.Cluster {
	c := &cluster.Cluster{ID: id, Net: wires{h}, DB: Database{}, Grace: grace}
	h.do(func(s *Store) {
		for _, name := range s.Names() {
			c.Nodes = append(c.Nodes, &node{h, name})
		}
	})
	return c
}
