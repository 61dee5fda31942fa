package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// victimSelectors are what may stand behind the colon of a fault that harms whole nodes.
func victimSelectors() []Selector {
	return []Selector{
		{"random", "one node or a minority, drawn from the seed; the default"},
		{"one", "one node, drawn"},
		{"minority", "a minority as large as it can be, drawn"},
		{"majority", "a majority as small as it can be, drawn"},
		{"primaries", "each node that leads when the fault begins"},
		{"all", "every node"},
		{"n1+n3", "these nodes"},
	}
}

// victims plans a fault that harms whole nodes: who they are, and the sides that they and the others make. Where all
// are harmed there are no sides.
func victims(fault string, v View, r *rand.Rand) (Spec, error) {
	some, err := choose(fault, v, r)
	if err != nil {
		return Spec{}, err
	}
	s := Spec{ID: v.ID, Fault: fault}
	if v.Selector != "" {
		s.Fault += ":" + v.Selector
	}
	var rest []string
	for _, n := range v.Nodes { // in the order of the cluster, so that it reads well
		if slices.Contains(some, n) {
			s.Harmed = append(s.Harmed, n)
		} else {
			rest = append(rest, n)
		}
	}
	if len(rest) > 0 {
		s.Sides = [][]string{s.Harmed, rest}
	}
	return s, nil
}

func choose(fault string, v View, r *rand.Rand) ([]string, error) {
	n := len(v.Nodes)
	minority := (n - 1) / 2
	shuffled := slices.Clone(v.Nodes)
	r.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	switch v.Selector {
	case "", "random":
		if minority > 1 && r.IntN(2) == 1 {
			return shuffled[:minority], nil
		}
		return shuffled[:1], nil
	case "one":
		return shuffled[:1], nil
	case "minority":
		if minority < 1 {
			return nil, fmt.Errorf("%s:minority needs 3 nodes, and there are %d", fault, n)
		}
		return shuffled[:minority], nil
	case "majority":
		return shuffled[:n/2+1], nil
	case "primaries":
		if len(v.Primaries) == 0 {
			return nil, ErrNoPrimaries
		}
		return v.Primaries, nil
	case "all":
		return v.Nodes, nil
	}
	return named(fault, v)
}

// named reads an explicit selector: nodes joined by +.
func named(fault string, v View) ([]string, error) {
	names := strings.Split(v.Selector, "+")
	for i, n := range names {
		names[i] = strings.TrimSpace(n)
	}
	for i, n := range names {
		switch {
		case slices.Contains(names[:i], n):
			return nil, fmt.Errorf("node %s stands twice in %q", n, v.Selector)
		case slices.Contains(v.Nodes, n):
		case len(names) > 1:
			return nil, fmt.Errorf("no node %q in %q: the nodes are %s", n, v.Selector, strings.Join(v.Nodes, ", "))
		default:
			var known []string
			for _, s := range victimSelectors() {
				known = append(known, s.Name)
			}
			return nil, fmt.Errorf("no %s %q: choose from %s, where the last stands for any of the nodes %s",
				fault, v.Selector, strings.Join(known, ", "), strings.Join(v.Nodes, ", "))
		}
	}
	return names, nil
}
