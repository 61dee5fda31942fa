package linear

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// bySets is the name of the algorithm for sets.
const bySets = "chain of reads"

// Set is the checker of sets whose reads show all elements.
func Set() checker.Spec {
	return checker.Spec{
		Name: "linearizable-set",
		Doc:  "each key is one linearizable set: add of an element, and read of all elements",
		Checker: keyed{model: model{take: func(v *history.View, key string, _ history.Params, o options) (object, error) {
			return newSet(v, key, o)
		}}},
	}
}

// set is one key's history of a set.
type set struct {
	options
	view    *history.View
	values  []history.Value
	refused map[int32]int32
	adds    []op      // to is the element
	elems   []element // by value
	reads   []op      // from is the position in seen
	seen    [][]int32 // what a read showed, each element once
	wrong   *setFlaw
}

// element is when an element came: between the first call of its adds and the first return of one of them. The others
// change nothing, and find room behind that: each of them returns later.
type element struct {
	inv, ret     int32
	invOp, retOp int32 // positions in adds, -1 for none
}

type setFlaw struct {
	name      string
	value     int32
	adds      []int32 // positions
	reads     []int32
	call      int32
	text, why string
}

func newSet(v *history.View, key string, o options) (*set, error) {
	calls := v.CallsOf(key)
	s := &set{options: o, view: v}
	in := interner{ops: len(calls)}
	lists := map[history.Value]int32{}
	same := map[string]int32{} // the elements of a list in one order → the first list with them
	var mark []int32           // element → the list that has it, plus 1
	turn := int32(0)
	for _, ci := range calls {
		c := &v.Calls[ci]
		inv := &v.Ops[c.Invoke]
		x := op{id: int32(len(s.adds)), call: int32(ci), inv: int32(c.Invoke), ret: never, from: none, to: none}
		if c.Type == history.OK {
			x.ret = int32(c.Return)
		}
		switch inv.F {
		case "add":
			x.to = in.id(inv.Value)
			if c.Type == history.Fail {
				if s.refused == nil {
					s.refused = map[int32]int32{}
				}
				s.refused[x.to] = x.call
			} else if c.Type != history.Info || o.mutation != infoNeverHappened {
				s.adds = append(s.adds, x)
			}
		case "read":
			if c.Type != history.OK {
				continue
			}
			x.id = int32(len(s.reads))
			text := v.Ops[c.Return].Value
			list, known := lists[text]
			if !known {
				elems, ok := text.List()
				if !ok && !text.IsNil() {
					return nil, &checker.Malformed{Index: v.Ops[c.Return].Index, Text: fmt.Sprintf("a read of the set %q answered %s: expected a list of its elements", key, checker.Show(text))}
				}
				var ids []int32
				turn++
				for _, e := range elems {
					id := in.id(e)
					for int(id) >= len(mark) {
						mark = append(mark, 0)
					}
					if mark[id] != turn {
						mark[id] = turn
						ids = append(ids, id)
					}
				}
				slices.Sort(ids)
				var sorted []byte
				for _, id := range ids {
					sorted = binary.LittleEndian.AppendUint32(sorted, uint32(id))
				}
				if list, known = same[string(sorted)]; !known {
					list = int32(len(s.seen))
					same[string(sorted)] = list
					s.seen = append(s.seen, ids)
				}
				lists[text] = list
			}
			x.from = list
			s.reads = append(s.reads, x)
		default:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a set has add and read", key, inv.F)}
		}
	}
	s.values = in.values
	s.elems = make([]element, len(s.values))
	for i := range s.elems {
		s.elems[i] = element{never, never, -1, -1}
	}
	for i, a := range s.adds {
		e := &s.elems[a.to]
		if e.invOp < 0 {
			e.inv, e.invOp = a.inv, int32(i)
		}
		if a.ret < e.ret {
			e.ret, e.retOp = a.ret, int32(i)
		}
	}
	return s, nil
}

func (s *set) operations() int { return len(s.adds) + len(s.reads) }

// decide is exact, in time in proportion to the history and to what was read. An element never goes, so that reads must
// form a chain, each showing all that a smaller one shows. That gives the order of everything: the elements of the smallest
// read, the reads that show just those, the elements that the next read shows beside them, and so on, at the end those that
// nobody saw and whose adds are acknowledged. Inside each such layer all orders are good; between them, nothing of a later
// layer may return before something of an earlier one is called.
func (s *set) decide(ctx context.Context) decision {
	if ctx.Err() != nil {
		return decision{}
	}
	if s.wrong = s.look(); s.wrong != nil {
		return decision{answer: violated, by: bySets, name: s.wrong.name}
	}
	return decision{answer: linearizable, by: bySets}
}

// late is the latest call of the layers so far, and whose it is.
type late struct {
	inv       int32
	add, read int32 // positions, -1
	value     int32
}

func (s *set) look() *setFlaw {
	order := make([]int32, len(s.reads))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		x, y := s.reads[a].from, s.reads[b].from
		return cmp.Or(len(s.seen[x])-len(s.seen[y]), int(x-y))
	})
	shown := make([]bool, len(s.values))
	last := late{inv: -1, add: -1, read: -1}
	before := 0
	previous := int32(-1) // the read before
	for len(order) > 0 {
		list := s.reads[order[0]].from
		n := 1
		for n < len(order) && s.reads[order[n]].from == list {
			n++
		}
		group := order[:n]
		order = order[n:]
		known := 0
		next := last
		for _, v := range s.seen[list] {
			if shown[v] {
				known++
				continue
			}
			shown[v] = true
			e := &s.elems[v]
			if e.invOp < 0 {
				f := &setFlaw{name: "unexpected-element", value: v, reads: group[:1], call: -1,
					text: "saw " + checker.Show(s.values[v]) + ", which nobody ever added", why: "no operation of the history adds this element"}
				if ci, ok := s.refused[v]; ok {
					f.name, f.call = "aborted-element", ci
					f.text, f.why = "saw "+checker.Show(s.values[v])+", although the only attempt to add it had failed for certain", "a failed operation did not happen, so nobody can see its element"
				}
				return f
			}
			if e.ret < last.inv && s.mutation != addOrderIgnored {
				return s.conflict(last, e.retOp, -1, previous, v)
			}
			if e.inv > next.inv {
				next = late{e.inv, e.invOp, -1, v}
			}
		}
		if known != before && s.mutation != chainIgnored {
			return s.incomparable(previous, group[0])
		}
		before = len(s.seen[list])
		last = next
		for _, r := range group {
			if s.reads[r].ret < last.inv && s.mutation != readOrderIgnored {
				return s.conflict(last, -1, r, -1, none)
			}
		}
		for _, r := range group {
			if s.reads[r].inv > last.inv {
				last = late{s.reads[r].inv, -1, r, none}
			}
		}
		previous = group[0]
	}
	for v := range s.elems {
		if e := &s.elems[v]; !shown[v] && e.ret < last.inv && s.mutation != unseenIgnored {
			return s.conflict(last, e.retOp, -1, previous, int32(v))
		}
	}
	return nil
}
