package linear

import (
	"fmt"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// Counter is the checker of counters.
func Counter() checker.Spec {
	return checker.Spec{
		Name: "linearizable-counter",
		Doc:  "each key is one linearizable counter: add of whole numbers, also negative ones, and read; --param initial=N is where it begins (default 0)",
		Checker: keyed{model: model{take: func(v *history.View, key string, p history.Params, o options) (object, error) {
			return newCounter(v, key, p, o)
		}}},
	}
}

// newCounter takes one key's calls apart. An add sees from none and inserts its number; a read sees its answer and inserts none.
// The numbers are interned.
func newCounter(v *history.View, key string, p history.Params, o options) (*steps, error) {
	initial, err := p.Int("initial", 0)
	if err != nil {
		return nil, err
	}
	var numbers []int64
	ids := map[int64]int32{}
	id := func(n int64) int32 {
		i, ok := ids[n]
		if !ok {
			i = int32(len(numbers))
			ids[n] = i
			numbers = append(numbers, n)
		}
		return i
	}
	s := &steps{options: o, view: v, object: "counter"}
	up, down := true, true // no add goes the other way
	for _, ci := range v.CallsOf(key) {
		c := &v.Calls[ci]
		inv := &v.Ops[c.Invoke]
		x := op{call: int32(ci), inv: int32(c.Invoke), ret: never, from: none, to: none}
		if c.Type == history.OK {
			x.ret = int32(c.Return)
		}
		value := inv.Value
		switch inv.F {
		case "add":
		case "read":
			if c.Type != history.OK {
				continue
			}
			value = v.Ops[c.Return].Value
		default:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a counter has add and read", key, inv.F)}
		}
		n, ok := history.Value(checker.Canonical(value)).Int()
		switch {
		case !ok && inv.F == "read":
			return nil, &checker.Malformed{Index: v.Ops[c.Return].Index, Text: fmt.Sprintf("a read of the counter %q answered %s: expected a whole number", key, checker.Show(value))}
		case !ok:
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("an add to the counter %q has the argument %s: expected a whole number", key, checker.Show(value))}
		case c.Type == history.Fail, c.Type == history.Info && o.mutation == infoNeverHappened:
			continue
		case inv.F == "read":
			x.from = id(n)
		default:
			x.to = id(n)
			up, down = up && n >= 0, down && n <= 0
		}
		s.ops = append(s.ops, x)
	}
	s.machine = func(ops []op) *machine {
		sums := map[int64]int32{int64(initial): 0}
		all := []int64{int64(initial)}
		m := &machine{spent: func() int64 { return int64(len(all)) * 40 }}
		from, to := classes(ops, m)
		m.inert = make([]bool, m.size)
		for k := range from {
			m.inert[k] = to[k] == none
		}
		m.next = func(dst []int32, state, class int32) []int32 {
			if to[class] == none {
				if numbers[from[class]] != all[state] {
					return dst
				}
				return append(dst, state)
			}
			sum := all[state] + numbers[to[class]]
			i, ok := sums[sum]
			if !ok {
				i = int32(len(all))
				sums[sum] = i
				all = append(all, sum)
			}
			return append(dst, i)
		}
		m.dead = func(state, class int32) bool { // a sum that only grows has gone past what was read
			if to[class] != none {
				return false
			}
			n := numbers[from[class]]
			return (up || o.mutation == deadTooEarly) && all[state] > n || !up && down && all[state] < n
		}
		return m
	}
	return s, nil
}
