package nemesis

import (
	"fmt"
	"math/rand/v2"
)

// Kinds lists the faults that Partita itself brings.
func Kinds() []Kind {
	return []Kind{
		{Name: "partition", Doc: "nodes do not hear each other: packets between them are dropped where they arrive", Fault: Partition{}},
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
