package txn

import (
	"encoding/binary"
	"slices"
)

// kept is how many cycles of a kind are kept and counted at most.
const kept = 100_000

// note keeps what a search found: the cycle, or the smaller ones in it when it comes by a transaction twice. It says
// whether one of the kind that was wanted is among them.
func (s *searcher) note(es []edge, want string) bool {
	at := map[int32]int{}
	for i, e := range es {
		if j, again := at[e.from]; again {
			inner := slices.Clone(es[j:i])
			outer := append(slices.Clone(es[:j]), es[i:]...)
			a, b := s.note(inner, want), s.note(outer, want)
			return a || b
		}
		at[e.from] = i
	}
	if len(es) < 2 {
		return false
	}
	least := 0
	for i, e := range es {
		if e.from < es[least].from {
			least = i
		}
	}
	es = append(slices.Clone(es[least:]), es[:least]...)
	c := cycle{edges: es}
	c.kind, c.variant = classify(es)
	name := c.name()
	id := []byte(name)
	for _, e := range es {
		id = binary.LittleEndian.AppendUint32(id, uint32(e.from))
	}
	if len(s.cycles[name]) < kept && !s.seen[string(id)] {
		s.seen[string(id)] = true
		s.cycles[name] = append(s.cycles[name], c)
	}
	return name == want
}
