package nemesis

import (
	"fmt"
	"math/rand/v2"

	"github.com/partita-dev/partita/cluster"
)

// Kinds lists the faults that Partita itself brings.
func Kinds() []Kind {
	return []Kind{
		{Name: "partition", Doc: "nodes do not hear each other: packets between them are dropped where they arrive", Fault: Partition{}},
		{Name: "kill", Doc: "the database's processes are killed (SIGKILL), and started again when the window ends", Fault: Kill{}},
		{Name: "stop", Doc: "the database is shut down gracefully, and started again when the window ends", Fault: Stop{}},
		{Name: "pause", Doc: "every thread of the database's processes stands still (SIGSTOP), and goes on when the window ends", Fault: Pause{}},
		{Name: "promote", Doc: "the primary is cut off and another node promoted in its place; when the window ends it follows its successor", Fault: Promote{}},
	}
}

// Try plans a fault once, to refuse a selector or node name that is wrong before anything is started. Who leads is
// not known yet; any node stands for it.
func Try(k Kind, selector string, nodes []string) error {
	if len(nodes) == 0 {
		return fmt.Errorf("plan %s: there are no nodes", k.Name)
	}
	_, err := k.Fault.Plan(View{Nodes: nodes, Primaries: nodes[:1], Selector: selector, ID: "w1"}, rand.New(rand.NewPCG(0, 0)))
	return err
}

// Refuse says why a fault cannot be done on a cluster: its network, its nodes or its database lack what it needs.
func Refuse(k Kind, c *cluster.Cluster) error {
	need := k.Fault.Needs()
	if need.Has(cluster.Network) && c.Net == nil {
		return fmt.Errorf("fault %s: %w", k.Name, cluster.ErrNoNet)
	}
	for _, n := range c.Nodes {
		if !n.Can().Has(need) {
			return fmt.Errorf("fault %s: node %s cannot do it: it needs %s, and can %s: leave it out of --faults or take another --provider",
				k.Name, n.Name(), need, n.Can())
		}
	}
	if s, ok := k.Fault.(interface{ Suits(cluster.Database) error }); ok {
		if err := s.Suits(c.DB); err != nil {
			return fmt.Errorf("fault %s: %w", k.Name, err)
		}
	}
	return nil
}
