package redissentinel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/partita-dev/partita/cluster"
)

// probeTimeout bounds one question to one daemon.
const probeTimeout = 2 * time.Second

// ask puts one question to the daemon behind a port of n, on a connection of its own.
func ask(ctx context.Context, n cluster.Node, port int, question ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	raw, err := n.Dial(ctx, port)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	// The client has this one connection. Its own way to dial would go on after the question's time is over.
	client := goredis.NewClient(&goredis.Options{
		Dialer:   func(context.Context, string, string) (net.Conn, error) { return raw, nil },
		Protocol: 2, MaxRetries: -1, DialerRetries: 1, PoolSize: 1, PipelinePoolSize: -1,
		ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer func() { _ = client.Close(); _ = raw.Close() }() // the answer is all that counts
	one := client.Conn()
	defer func() { _ = one.Close() }()
	return one.Do(ctx, question...).Result()
}

// primaryOf asks the sentinel on n who the primary is.
func primaryOf(ctx context.Context, n cluster.Node) (netip.AddrPort, error) {
	answer, err := ask(ctx, n, sentinelPort, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", primaryName)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("ask the sentinel on %s for the primary: %w", n.Name(), err)
	}
	parts, _ := answer.([]any)
	if len(parts) == 2 {
		if a, err := netip.ParseAddrPort(net.JoinHostPort(fmt.Sprint(parts[0]), fmt.Sprint(parts[1]))); err == nil {
			return a, nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("the sentinel on %s answers %v when asked for the primary: expected an address and a port", n.Name(), answer)
}

// standing is what the redis of a node says of itself.
type standing struct {
	primary bool
	of      netip.AddrPort // of a replica: its primary
	link    string         // of a replica: how the link to it is; "connected" is good
}

func standingOf(ctx context.Context, n cluster.Node) (standing, error) {
	answer, err := ask(ctx, n, redisPort, "ROLE")
	if err != nil {
		return standing{}, fmt.Errorf("ask redis on %s for its role: %w", n.Name(), err)
	}
	parts, _ := answer.([]any)
	switch {
	case len(parts) >= 1 && parts[0] == "master":
		return standing{primary: true}, nil
	case len(parts) >= 4 && parts[0] == "slave":
		of, err := netip.ParseAddrPort(net.JoinHostPort(fmt.Sprint(parts[1]), fmt.Sprint(parts[2])))
		if err == nil {
			return standing{of: of, link: fmt.Sprint(parts[3])}, nil
		}
	}
	return standing{}, fmt.Errorf("redis on %s answers %v when asked for its role: expected a primary's or a replica's", n.Name(), answer)
}

// acquainted asks whether the sentinel on n knows the sentinels of all other nodes, dead or alive, and reaches a
// majority: one that does not cannot replace a primary.
func acquainted(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	if _, err := ask(ctx, n, sentinelPort, "SENTINEL", "CKQUORUM", primaryName); err != nil {
		return fmt.Errorf("ask the sentinel on %s for its quorum: %w", n.Name(), err)
	}
	answer, err := ask(ctx, n, sentinelPort, "SENTINEL", "MASTER", primaryName)
	if err != nil {
		return fmt.Errorf("ask the sentinel on %s what it knows: %w", n.Name(), err)
	}
	fields, _ := answer.([]any)
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) != 2 || pair[0] != "num-other-sentinels" {
			continue
		}
		if want := strconv.Itoa(len(c.Nodes) - 1); pair[1] != want {
			return fmt.Errorf("the sentinel on %s knows %v others of %s", n.Name(), pair[1], want)
		}
		return nil
	}
	return fmt.Errorf("the sentinel on %s answers %v when asked what it knows: expected the number of other sentinels", n.Name(), answer)
}

// Ready asks whether the node serves: its sentinel knows the primary and all other sentinels and reaches a majority
// of them, and its redis is that primary, or a replica whose link to it is up.
func (*DB) Ready(ctx context.Context, c *cluster.Cluster, n cluster.Node) error {
	primary, err := primaryOf(ctx, n)
	if err != nil {
		return err
	}
	self, err := cluster.Address(ctx, n)
	if err != nil {
		return err
	}
	if err := acquainted(ctx, c, n); err != nil {
		return err
	}
	s, err := standingOf(ctx, n)
	switch own := netip.AddrPortFrom(self, redisPort); {
	case err != nil:
		return err
	case primary == own && !s.primary:
		return fmt.Errorf("the sentinel on %s says that its redis is the primary, which is a replica of %s", n.Name(), s.of)
	case primary != own && s.primary:
		return fmt.Errorf("redis on %s believes to be the primary, which is %s for its sentinel", n.Name(), primary)
	case primary != own && s.of != primary:
		return fmt.Errorf("redis on %s is a replica of %s, the primary is %s", n.Name(), s.of, primary)
	case primary != own && s.link != "connected":
		return fmt.Errorf("the link of redis on %s to the primary %s is %q", n.Name(), primary, s.link)
	}
	return nil
}

// Primaries names the nodes whose redis believes to be the primary, and whose own sentinel believes it too or does
// not answer. A primary that is cut off is one of them, and so is its successor: first the one that most sentinels
// believe in. Nodes that do not answer are passed over.
func (*DB) Primaries(ctx context.Context, c *cluster.Cluster) ([]string, error) {
	type view struct {
		self, primary netip.AddrPort
		is            bool
		err           error // of redis
		deaf          bool  // the sentinel does not answer
	}
	views := make([]view, len(c.Nodes))
	var wg sync.WaitGroup
	for i, n := range c.Nodes {
		v := &views[i]
		wg.Go(func() {
			s, err := standingOf(ctx, n)
			if err == nil {
				var a netip.Addr
				a, err = cluster.Address(ctx, n)
				v.self = netip.AddrPortFrom(a, redisPort)
			}
			v.is, v.err = s.primary && err == nil, err
		})
		wg.Go(func() {
			primary, err := primaryOf(ctx, n)
			v.primary, v.deaf = primary, err != nil
		})
	}
	wg.Wait()
	type believed struct {
		name  string
		votes int
	}
	var found []believed
	var errs []error
	for i, v := range views {
		errs = append(errs, v.err)
		if !v.is || !v.deaf && v.primary != v.self {
			continue
		}
		b := believed{name: c.Nodes[i].Name()}
		for _, w := range views {
			if !w.deaf && w.primary == v.self {
				b.votes++
			}
		}
		found = append(found, b)
	}
	if !slices.Contains(errs, nil) {
		return nil, fmt.Errorf("find the primary of Redis, no node answers: %w", errors.Join(errs...))
	}
	slices.SortStableFunc(found, func(a, b believed) int { return cmp.Compare(b.votes, a.votes) })
	var names []string
	for _, b := range found {
		names = append(names, b.name)
	}
	return names, nil
}

// Version is the server's own answer: "7.0.15".
func (*DB) Version(ctx context.Context, _ *cluster.Cluster, n cluster.Node) (string, error) {
	answer, err := ask(ctx, n, redisPort, "INFO", "server")
	if err != nil {
		return "", fmt.Errorf("ask redis on %s for its version: %w", n.Name(), err)
	}
	for line := range strings.Lines(fmt.Sprint(answer)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "redis_version:"); ok {
			return v, nil
		}
	}
	return "", fmt.Errorf("redis on %s does not say its version: %s", n.Name(), strconv.Quote(fmt.Sprint(answer)))
}
