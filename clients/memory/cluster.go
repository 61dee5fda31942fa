package memory

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/partita-dev/partita/cluster"
)

// Nodes gives a cluster of nodes that have names and can do nothing: what the clients of a Store believe they talk to.
func Nodes(names ...string) *cluster.Cluster {
	c := &cluster.Cluster{ID: "memory"}
	for _, n := range names {
		c.Nodes = append(c.Nodes, node(n))
	}
	return c
}

type node string

var errNoNode = errors.New("the node is in memory only")

func (n node) Name() string                              { return string(n) }
func (node) Can() cluster.Caps                           { return 0 }
func (node) Dir() string                                 { return "" }
func (node) Peer(context.Context) ([]netip.Addr, error)  { return nil, errNoNode }
func (node) Dial(context.Context, int) (net.Conn, error) { return nil, errNoNode }
