package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// probeCount and probeSpacing: five numbered probes over each flow, 20 ms apart.
	probeCount   = 5
	probeSpacing = 20 * time.Millisecond
	// settle is how long after the last probe was sent one may still arrive.
	settle = 400 * time.Millisecond
	// setLimit and reachLimit bound what one node may take.
	setLimit   = 20 * time.Second
	reachLimit = 10 * time.Second
)

// Member is a node as Net sees it.
type Member struct {
	Name   string
	Client *Client                                     // nil while the node cannot be reached
	Peer   func(context.Context) ([]netip.Addr, error) // its addresses as the other nodes see it
}

// Net is a cluster.Net over the agents of the nodes. A cut is a rule on the node that must not hear.
type Net struct {
	id      string
	members func() []Member
	rounds  atomic.Int64
	start   int64 // makes rounds of this Net unlike those of another controller

	mu   sync.Mutex // one Set at a time
	last map[string]string
}

// NewNet makes the network of the cluster id; members is asked each time, since nodes come and go.
func NewNet(id string, members func() []Member) *Net {
	return &Net{id: id, members: members, start: time.Now().UnixNano(), last: map[string]string{}}
}

// Rules gives what iptables said on each node after the last Set: evidence to keep.
func (n *Net) Rules() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := map[string]string{}
	for k, v := range n.last {
		m[k] = v
	}
	return m
}

var errNoClient = errors.New("there is no connection to its agent")

// crew is the members of one call, by name, and their addresses as far as they were asked for.
type crew struct {
	by    map[string]Member
	names []string
	addrs map[string][]netip.Addr
	errs  map[string]error
}

// crew asks the named nodes for their addresses, all at once. A node that does not answer is in errs.
func (n *Net) crew(ctx context.Context, edges []cluster.Edge, resolve map[string]bool) (*crew, error) {
	c := &crew{by: map[string]Member{}, addrs: map[string][]netip.Addr{}, errs: map[string]error{}}
	for _, m := range n.members() {
		c.by[m.Name] = m
		c.names = append(c.names, m.Name)
	}
	for _, e := range edges {
		for _, name := range []string{e.From, e.To} {
			if _, ok := c.by[name]; !ok {
				return nil, fmt.Errorf("no node %q: the nodes are %s", name, strings.Join(c.names, ", "))
			}
		}
		if e.From == e.To {
			return nil, fmt.Errorf("%s cannot be cut off from itself", e.From)
		}
	}
	var mu sync.Mutex
	each(resolve, func(name string) {
		as, err := c.by[name].Peer(ctx)
		if err == nil && len(as) == 0 {
			err = errors.New("it has no address")
		}
		mu.Lock()
		defer mu.Unlock()
		c.addrs[name] = as
		if err != nil {
			c.errs[name] = fmt.Errorf("%s: find its addresses: %w", name, err)
		}
	})
	return c, nil
}

// each runs f for all names at once.
func each[V any](names map[string]V, f func(string)) {
	var wg sync.WaitGroup
	for name := range names {
		wg.Go(func() { f(name) })
	}
	wg.Wait()
}

// Set implements cluster.Net. The addresses of a node that cannot say them are not cut, and the error says so.
func (n *Net) Set(ctx context.Context, edges []cluster.Edge) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, setLimit)
	defer cancel()
	resolve := map[string]bool{}
	for _, e := range edges {
		resolve[e.From] = true
	}
	c, err := n.crew(ctx, edges, resolve)
	if err != nil {
		return fmt.Errorf("set the network: %w", err)
	}
	drop := map[string][]netip.Addr{}
	for _, name := range c.names {
		drop[name] = nil
	}
	for _, e := range edges {
		drop[e.To] = append(drop[e.To], c.addrs[e.From]...)
	}
	var mu sync.Mutex
	var errs []error
	for _, name := range c.names {
		errs = append(errs, c.errs[name])
	}
	each(drop, func(name string) {
		text, err := "", errNoClient
		if cl := c.by[name].Client; cl != nil {
			text, err = cl.Rules(ctx, drop[name])
		}
		mu.Lock()
		defer mu.Unlock()
		n.last[name] = text
		if err != nil {
			errs = append(errs, fmt.Errorf("set the network on %s: %w", name, err))
		}
	})
	return errors.Join(errs...)
}

// Reach implements cluster.Net: one round of probes for all edges at once.
func (n *Net) Reach(ctx context.Context, edges []cluster.Edge) ([]cluster.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	resolve := map[string]bool{}
	for _, e := range edges {
		resolve[e.From], resolve[e.To] = true, true
	}
	c, err := n.crew(ctx, edges, resolve)
	if err != nil {
		return nil, fmt.Errorf("probe the network: %w", err)
	}
	r := &reach{crew: c, cluster: n.id, round: fmt.Sprintf("%x-%d", n.start, n.rounds.Add(1)), edges: edges}
	r.run(ctx)
	ev := make([]cluster.Evidence, len(edges))
	for i, e := range edges {
		ev[i] = r.evidence(e)
	}
	return ev, nil
}

// shared gives the addresses of an edge's hearing side that its sender can send to at all.
func (c *crew) shared(e cluster.Edge) (to []netip.Addr, families []string) {
	has := map[string]bool{}
	for _, a := range c.addrs[e.From] {
		has[familyOf(a)] = true
	}
	for _, a := range c.addrs[e.To] {
		if f := familyOf(a); has[f] {
			to = append(to, a)
			if !slices.Contains(families, f) {
				families = append(families, f)
			}
		}
	}
	return to, families
}
