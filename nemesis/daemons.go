package nemesis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// daemon is how one process of the database is on a node.
type daemon struct {
	Name    string `json:"name"`
	Running bool   `json:"running"`
	Paused  bool   `json:"paused,omitempty"`
	Exit    string `json:"exit,omitempty"`
}

// nodeState is what a probe found on one node: the evidence of faults of whole nodes.
type nodeState struct {
	Node    string   `json:"node"`
	Daemons []daemon `json:"daemons"`
	Asked   bool     `json:"asked"`            // whether it serves: nobody asks a process that is stopped
	Serves  bool     `json:"serves"`           // the service itself answered
	Answer  string   `json:"answer,omitempty"` // why it does not
	Cut     bool     `json:"cut,omitempty"`    // a partition beside it reaches the node, so that serving is not expected
	Error   string   `json:"error,omitempty"`  // it could not be asked
}

func (s nodeState) every(f func(daemon) bool) bool {
	return s.Error == "" && len(s.Daemons) > 0 && !slices.ContainsFunc(s.Daemons, func(d daemon) bool { return !f(d) })
}

// dead: no process of it runs, and nobody serves.
func (s nodeState) dead() bool {
	return s.every(func(d daemon) bool { return !d.Running }) && s.Asked && !s.Serves
}

// stopped: every thread of every process is stopped.
func (s nodeState) stopped() bool {
	return s.every(func(d daemon) bool { return d.Running && d.Paused })
}

// well: its processes run and it serves, which is not expected of it while it is cut off.
func (s nodeState) well() bool {
	return s.every(func(d daemon) bool { return d.Running && !d.Paused }) && (s.Serves || s.Cut)
}

// observeNodes probes the victims of a fault: it is seen when all of them are harmed, and gone when all of them are well.
// The evidence is {"nodes": [nodeState…]}. That a node cannot be asked is evidence, and proves nothing.
func observeNodes(ctx context.Context, c *cluster.Cluster, s Spec, harmed func(nodeState) bool) (Observation, error) {
	if len(s.Harmed) == 0 {
		return Observation{}, fmt.Errorf("probe %s: its plan names no node", s.Fault)
	}
	var mu sync.Mutex // a probe that was left behind may still write
	states := make([]nodeState, len(s.Harmed))
	for i, n := range s.Harmed {
		states[i] = nodeState{Node: n, Error: "it did not answer"}
	}
	desired := c.Desired()
	err := each(ctx, c, s.Harmed, "probe "+s.Fault, func(ctx context.Context, n cluster.Node) error {
		st, err := observeNode(ctx, c, n)
		if err != nil {
			st.Error = err.Error()
		}
		st.Cut = slices.ContainsFunc(desired, func(e cluster.Edge) bool { return e.From == n.Name() || e.To == n.Name() })
		mu.Lock()
		defer mu.Unlock()
		states[slices.Index(s.Harmed, n.Name())] = st
		return err
	})
	mu.Lock()
	defer mu.Unlock()
	o := Observation{Seen: err == nil, Gone: err == nil}
	for _, st := range states {
		o.Seen = o.Seen && harmed(st)
		o.Gone = o.Gone && st.well()
	}
	o.Evidence = history.Of(struct {
		Nodes []nodeState `json:"nodes"`
	}{states})
	return o, err
}

func observeNode(ctx context.Context, c *cluster.Cluster, n cluster.Node) (st nodeState, err error) {
	st.Node = n.Name()
	if st.Daemons, err = statuses(ctx, c, n); err != nil {
		return st, err
	}
	if slices.ContainsFunc(st.Daemons, func(d daemon) bool { return d.Paused }) {
		return st, nil
	}
	st.Asked = true
	if err := c.DB.Ready(ctx, c, n); err != nil {
		st.Answer = err.Error()
	} else {
		st.Serves = true
	}
	return st, nil
}

func statuses(ctx context.Context, c *cluster.Cluster, n cluster.Node) ([]daemon, error) {
	p, ok := n.(cluster.Processes)
	if !ok {
		return nil, errors.New("the node cannot say how its processes are")
	}
	var ds []daemon
	for _, name := range c.DB.Daemons() {
		s, err := p.Status(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("ask how %s is: %w", name, err)
		}
		ds = append(ds, daemon{name, s.Running, s.Paused, s.Exit})
	}
	return ds, nil
}
