package linear

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// What a taking operation may have got instead of an element.
const (
	nothingThere int32 = -2 // it was told that there is none
	nobodyKnows  int32 = -3 // it may have taken one, or may not have happened
)

// order is which element a container gives out.
type order int

const (
	oldestFirst   order = iota // a queue
	newestFirst                // a stack
	smallestFirst              // a priority queue
	anyElement                 // a bag
)

// containerNames are the names of the operations and of the object, by order.
var containerNames = [...]struct {
	object string
	put    []string
	take   []string
}{
	oldestFirst:   {"queue", []string{"enqueue"}, []string{"dequeue"}},
	newestFirst:   {"stack", []string{"push"}, []string{"pop"}},
	smallestFirst: {"priority queue", []string{"enqueue", "insert"}, []string{"dequeue", "delete-min"}},
	anyElement:    {"queue", []string{"enqueue"}, []string{"dequeue"}},
}

// FIFOQueue is the checker of queues that give out the oldest element.
func FIFOQueue() checker.Spec {
	return containerSpec(oldestFirst, "linearizable-fifo-queue", "each key is one linearizable queue: enqueue, and dequeue of the oldest element; a dequeue that is ok without a value found it empty")
}

// UnorderedQueue is the checker of queues that give out any element.
func UnorderedQueue() checker.Spec {
	return containerSpec(anyElement, "linearizable-unordered-queue", "each key is one linearizable queue that gives out its elements in any order: enqueue and dequeue")
}

// Stack is the checker of stacks.
func Stack() checker.Spec {
	return containerSpec(newestFirst, "linearizable-stack", "each key is one linearizable stack: push, and pop of the newest element; a pop that is ok without a value found it empty")
}

// PriorityQueue is the checker of priority queues. Elements are whole numbers, the smallest is the most urgent.
func PriorityQueue() checker.Spec {
	return containerSpec(smallestFirst, "linearizable-priority-queue", "each key is one linearizable priority queue: enqueue of whole numbers, and dequeue of the smallest")
}

func containerSpec(o order, name, doc string) checker.Spec {
	return checker.Spec{Name: name, Doc: doc, Checker: keyed{model: takeContainer(o)}}
}

func takeContainer(by order) model {
	return model{take: func(v *history.View, key string, _ history.Params, o options) (object, error) {
		return newContainer(v, key, by, o)
	}}
}

// container is one key's history of a queue, stack, priority queue or bag. A put inserts to; a take sees from: an element,
// nothingThere or nobodyKnows.
type container struct {
	options
	view    *history.View
	by      order
	ops     []op
	values  []history.Value
	refused map[int32]int32 // value → a failed put (position in View.Calls)
	rank    []int32         // value → its place among the priorities
	named   *flaw           // a violation that says by itself what it is
	stuck   int32           // the position behind which nothing is needed to see it, 0 for unknown
}

// newContainer takes one key's calls apart. The error says which operation no such object has.
func newContainer(v *history.View, key string, by order, o options) (*container, error) {
	calls := v.CallsOf(key)
	c := &container{options: o, view: v, by: by, ops: make([]op, 0, len(calls))}
	in := interner{ops: len(calls)}
	names := containerNames[by]
	for _, ci := range calls {
		call := &v.Calls[ci]
		inv := &v.Ops[call.Invoke]
		x := op{call: int32(ci), inv: int32(call.Invoke), ret: never, from: none, to: none}
		if call.Type == history.OK {
			x.ret = int32(call.Return)
		}
		switch {
		case slices.Contains(names.put, inv.F):
			x.to = in.id(inv.Value)
		case !slices.Contains(names.take, inv.F):
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a %s has %s and %s", key, inv.F, names.object, names.put[0], names.take[0])}
		case call.Type == history.Info:
			x.from = nobodyKnows
		case call.Type == history.OK && v.Ops[call.Return].Value.IsNil():
			x.from = nothingThere
		case call.Type == history.OK:
			x.from = in.id(v.Ops[call.Return].Value)
		}
		if call.Type == history.Fail {
			if x.to != none {
				if c.refused == nil {
					c.refused = map[int32]int32{}
				}
				c.refused[x.to] = x.call
			}
			continue
		}
		if o.mutation == pendingTakeDropped && x.from == nobodyKnows {
			continue
		}
		c.ops = append(c.ops, x)
	}
	c.values = in.values
	c.ops = dropUntaken(c.ops, len(c.values), o.mutation)
	for i := range c.ops {
		c.ops[i].id = int32(i)
	}
	return c, c.priorities(key)
}

// priorities ranks the elements of a priority queue.
func (c *container) priorities(key string) error {
	if c.by != smallestFirst {
		return nil
	}
	type ranked struct {
		n int64
		v int32
	}
	all := make([]ranked, len(c.values))
	for v, x := range c.values {
		n, err := strconv.ParseInt(checker.Canonical(x), 10, 64)
		if err != nil {
			return &checker.Malformed{Index: c.first(int32(v)), Text: fmt.Sprintf("the priority queue %q has the element %s: expected a whole number", key, checker.Show(x))}
		}
		all[v] = ranked{n, int32(v)}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		switch {
		case a.n < b.n:
			return -1
		case a.n > b.n:
			return 1
		}
		return 0
	})
	c.rank = make([]int32, len(all))
	for i, r := range all {
		c.rank[r.v] = int32(i)
	}
	return nil
}

// first gives the index of the first event with a value.
func (c *container) first(value int32) int64 {
	for _, o := range c.ops {
		if o.to == value {
			return c.view.Ops[o.inv].Index
		}
		if o.from == value {
			return c.view.Ops[o.ret].Index
		}
	}
	return c.view.Inv(c.view.Calls[c.refused[value]]).Index
}

// dropUntaken leaves out the pending puts of elements that no take with a known end got: an element that may never have been
// there explains nothing.
func dropUntaken(ops []op, values int, m mutation) []op {
	got := make([]bool, values)
	for _, o := range ops {
		if o.from >= 0 {
			got[o.from] = m != takenPutDropped
		}
	}
	return slices.DeleteFunc(ops, func(o op) bool { return o.to >= 0 && o.pending() && !got[o.to] })
}

func (c *container) operations() int { return len(c.ops) }

// decide asks the fast algorithm of the order when all elements are different, then the sweep, then porcupine.
func (c *container) decide(ctx context.Context) decision {
	if ctx.Err() != nil {
		return decision{}
	}
	d := decision{name: "nonlinearizable"}
	if c.only == "" || c.only == byPairs {
		if f, a := c.pairs(c.ops); a != gaveUp {
			d.answer, d.by, c.named = a, byPairs, f
			if f != nil {
				d.name = f.name
			}
			return d
		}
	}
	if c.only == byPairs {
		return decision{reason: "pairs decide nothing here"}
	}
	var stuck int32
	if d.answer, d.by, stuck = explore(ctx, c.ops, c.machine(c.ops), c.options); stuck >= 0 {
		c.stuck = c.ops[stuck].ret
	}
	return d
}

// machine is the container as a machine: a state is its elements, in the order in which they would come out.
func (c *container) machine(ops []op) *machine {
	st := newStates()
	m := &machine{start: st.id(nil), many: c.by == anyElement, spent: func() int64 { return st.bytes }}
	from, to := classes(ops, m)
	m.next = func(dst []int32, state, class int32) []int32 {
		return st.next(dst, state, class, func(seq []int32) [][]int32 {
			if v := to[class]; v != none {
				at := len(seq)
				switch c.by {
				case newestFirst:
					at = 0
				case smallestFirst:
					at, _ = slices.BinarySearchFunc(seq, v, func(x, v int32) int { return int(c.rank[x] - c.rank[v]) })
				case anyElement:
					at, _ = slices.BinarySearch(seq, v)
				}
				return [][]int32{slices.Insert(slices.Clone(seq), at, v)}
			}
			switch v := from[class]; {
			case len(seq) == 0 && v < none:
				return [][]int32{nil}
			case len(seq) == 0 || v == nothingThere:
				return nil
			case c.by == anyElement:
				var out [][]int32
				for i, x := range seq {
					if v == nobodyKnows || v == x {
						out = append(out, slices.Delete(slices.Clone(seq), i, i+1))
					}
				}
				return out
			case v != nobodyKnows && v != seq[0]:
				return nil
			}
			return [][]int32{seq[1:]}
		})
	}
	m.inert = make([]bool, m.size)
	for k := range from {
		m.inert[k] = from[k] == nothingThere
	}
	return m
}
