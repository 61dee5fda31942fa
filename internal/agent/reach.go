package agent

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// reach is one round of probes.
type reach struct {
	*crew
	cluster, round string
	edges          []cluster.Edge

	mu       sync.Mutex
	sent     map[string]ProbeAnswer // by sender
	heard    map[string][]Heard     // by hearing node
	sendErr  map[string]error
	hearErr  map[string]error
	lastSent time.Time
}

// run goes the four steps: who hears is told, who sends sends, what is under way may arrive, who hears is asked.
// A node that fails in one of them spoils its own edges only.
func (r *reach) run(ctx context.Context) {
	r.sent, r.heard = map[string]ProbeAnswer{}, map[string][]Heard{}
	r.sendErr, r.hearErr = map[string]error{}, map[string]error{}
	from, to := map[string][]Peer{}, map[string][]string{}
	families := map[string][]string{}
	for _, e := range r.edges {
		addrs, fs := r.shared(e)
		if len(addrs) == 0 || slices.Contains(to[e.To], e.From) {
			continue
		}
		port := DefaultPort
		if cl := r.by[e.To].Client; cl != nil {
			port = cl.hello.Port
		}
		from[e.From] = append(from[e.From], Peer{Name: e.To, Addrs: addrs, Port: port})
		to[e.To] = append(to[e.To], e.From)
		for _, f := range fs {
			if !slices.Contains(families[e.To], f) {
				families[e.To] = append(families[e.To], f)
			}
		}
	}
	each(to, func(name string) {
		r.with(name, r.hearErr, func(c *Client) error {
			return c.Listen(ctx, ListenRequest{Cluster: r.cluster, Round: r.round, From: to[name]})
		})
	})
	each(from, func(name string) {
		r.with(name, r.sendErr, func(c *Client) error {
			a, err := c.Probe(ctx, ProbeRequest{Cluster: r.cluster, Round: r.round, Peers: from[name], Count: probeCount, Spacing: probeSpacing})
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sent[name] = a
			if at := time.Now().Add(-a.Last); err == nil && at.After(r.lastSent) {
				r.lastSent = at
			}
			return err
		})
	})
	wait := max(0, settle-time.Since(r.lastSent))
	each(to, func(name string) {
		r.mu.Lock()
		deaf := r.hearErr[name] != nil
		r.mu.Unlock()
		if deaf {
			return
		}
		want := map[string]int{}
		for _, sender := range to[name] {
			for _, s := range r.sent[sender].Sent {
				if s.To == name {
					want[sender] += s.Count
				}
			}
		}
		r.with(name, r.hearErr, func(c *Client) error {
			h, err := c.Heard(ctx, HeardRequest{Cluster: r.cluster, Round: r.round, Families: families[name], Want: want, Wait: wait})
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard[name] = h
			return err
		})
	})
}

// with runs f with the client of a node and keeps its error.
func (r *reach) with(name string, errs map[string]error, f func(*Client) error) {
	err := errNoClient
	if c := r.by[name].Client; c != nil {
		err = f(c)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		errs[name] = err
	}
}

// evidence is what the round says about one edge.
func (r *reach) evidence(e cluster.Edge) cluster.Evidence {
	ev := cluster.Evidence{Edge: e, Flows: []cluster.Flow{}}
	_, families := r.shared(e)
	for _, err := range []error{r.errs[e.From], r.errs[e.To], r.sendErr[e.From], r.hearErr[e.To]} {
		if err != nil {
			ev.Err = err.Error()
			return ev
		}
	}
	if len(families) == 0 {
		ev.Err = fmt.Sprintf("%s and %s have no kind of address in common", e.From, e.To)
		return ev
	}
	a := r.sent[e.From]
	for _, s := range a.Sent {
		if s.To != e.To {
			continue
		}
		f := cluster.Flow{Family: s.Family, Kind: s.Kind, Sent: s.Count}
		for _, h := range r.heard[e.To] {
			if h.From == e.From && h.Family == s.Family && h.Kind == s.Kind {
				f.Heard = h.Count
			}
		}
		ev.Flows = append(ev.Flows, f)
		if s.Err != "" && s.Count == 0 {
			ev.Err = fmt.Sprintf("%s: send probes to %s over %s: %s", e.From, e.To, s.Family, s.Err)
		}
	}
	ev.TCP = a.TCP[e.To]
	return ev
}
