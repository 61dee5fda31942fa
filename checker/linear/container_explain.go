package linear

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// describe names the violation and shows the operations that force it.
func (c *container) describe(ctx context.Context) checker.Anomaly {
	f := c.named
	if f == nil {
		f = c.classify(c.shrink(ctx))
	}
	calls := make([]history.Call, 0, len(f.ops)+1)
	for _, o := range f.ops {
		call := c.view.Calls[o.call]
		if o.pending() { // what it answered later is no part of the proof
			call.Type, call.Return = history.Info, -1
		}
		calls = append(calls, call)
	}
	if f.call >= 0 {
		calls = append(calls, c.view.Calls[f.call])
	}
	slices.SortFunc(calls, func(a, b history.Call) int { return cmp.Compare(a.Invoke, b.Invoke) })
	text, why := c.story(f)
	ex := checker.Exhibit{Why: why}
	for _, call := range calls {
		ex.Ops = append(ex.Ops, checker.ExhibitCall(c.view, call, ""))
	}
	return checker.Anomaly{Name: f.name, Ops: checker.Events(c.view, calls...), Text: text, Data: ex}
}

// story gives the sentence of a flaw, and why it is one.
func (c *container) story(f *flaw) (text, why string) {
	last := f.ops[len(f.ops)-1]
	who := checker.Who(c.view.Ops[last.inv])
	names := containerNames[c.by]
	element := ""
	if f.value >= 0 {
		element = checker.Show(c.values[f.value])
	}
	switch f.name {
	case "element-from-nowhere":
		return fmt.Sprintf("%s was given %s, which nobody ever put there", who, element), "no operation of the history puts this element there"
	case "refused-element":
		return fmt.Sprintf("%s was given %s, although the only attempt to put it there had failed for certain", who, element), "a failed operation did not happen, so nobody can be given its element"
	case "element-twice":
		return fmt.Sprintf("%s was given %s, which had been put there fewer times than it was given out", who, element), "an element that was taken is gone"
	case "element-too-early":
		return fmt.Sprintf("%s was given %s before anybody had asked for it to be put there", who, element), "nothing can be taken before its put is called"
	case "wrongly-empty":
		return fmt.Sprintf("%s was told that the %s is empty, though all that time there certainly was something in it", who, names.object),
			"in each moment of the answer an element had been put and acknowledged, and nobody had yet asked for it"
	case "element-overtaken":
		if c.by == oldestFirst && len(f.ops) <= 4 && c.named == f {
			return fmt.Sprintf("%s was given %s though %s had been put before it, and acknowledged, and was not taken until later, or never", who,
				checker.Show(c.values[last.from]), element), "a queue gives out the oldest element first"
		}
		rule := [...]string{oldestFirst: "oldest", newestFirst: "newest", smallestFirst: "smallest", anyElement: "given"}[c.by]
		return fmt.Sprintf("no order of these %d operations of a %s lets every %s give out the %s element", len(f.ops), names.object, names.take[0], rule),
			"every order of them has a moment in which another element should have come out"
	}
	return fmt.Sprintf("no order of these %d operations explains their answers, if each takes effect at one moment between its call and its return", len(f.ops)),
		"every order was tried, and none fits"
}

// classify names a violation by the operations that are left when it was shrunk.
func (c *container) classify(ops []op) *flaw {
	f := &flaw{name: "element-overtaken", value: none, ops: ops, call: -1}
	puts, takes := map[int32]int{}, map[int32]int{}
	for _, o := range ops {
		switch {
		case o.to >= 0:
			puts[o.to]++
		case o.from == nothingThere:
			f.name = "wrongly-empty"
			f.ops = append(slices.DeleteFunc(slices.Clone(ops), func(p op) bool { return p.id == o.id }), o)
		case o.from >= 0:
			takes[o.from]++
		}
	}
	for v, n := range takes {
		switch {
		case puts[v] == 0:
			f.name, f.value = "element-from-nowhere", v
			if ci, ok := c.refused[v]; ok {
				f.name, f.call = "refused-element", ci
			}
			return f
		case n > puts[v]:
			f.name, f.value = "element-twice", v
			return f
		case len(puts) == 1 && f.name != "wrongly-empty":
			f.name, f.value = "element-too-early", v
		}
	}
	return f
}

// shrink gives a smaller set of operations that still proves the violation: the shortest beginning of the history that is
// violated, and of that as few elements and as few takes that found nothing as will do. A history that has an order keeps
// one when all operations on an element are taken away, so that what is left cannot be explained by what was taken. Takes
// without a known end stay. The work is bounded; what was reached by then is the result.
func (c *container) shrink(ctx context.Context) []op {
	left := int64(20_000_000)
	bad := func(ops []op) bool {
		if left -= int64(16 * len(ops)); left < 0 || ctx.Err() != nil {
			return false
		}
		ops = slices.Clone(ops)
		f, a := c.pairs(ops)
		if f != nil || a == violated {
			return true
		}
		if a == linearizable {
			return false
		}
		w := &work{steps: min(left, 2_000_000), bytes: 64 << 20}
		before := w.steps
		a, _ = sweep(ctx, ops, c.machine(ops), w, intact)
		left -= before - w.steps
		return a == violated
	}
	ops := c.ops
	if c.stuck > 0 {
		ops = c.until(ops, c.stuck)
	} else {
		var ends []int32
		for _, o := range ops {
			if !o.pending() {
				ends = append(ends, o.ret)
			}
		}
		slices.Sort(ends)
		lo, hi := 0, len(ends)
		for lo < hi-1 {
			if mid := (lo + hi) / 2; bad(c.until(ops, ends[mid-1])) {
				hi = mid
			} else {
				lo = mid
			}
		}
		if hi > 0 {
			if p := c.until(ops, ends[hi-1]); bad(p) {
				ops = p
			}
		}
	}
	// Elements, and takes that found nothing, are what can go.
	var all []int64
	known := map[int64]bool{}
	for _, o := range ops {
		if g, ok := group(o); ok && !known[g] {
			known[g] = true
			all = append(all, g)
		}
	}
	for size := max(1, len(all)/2); ; {
		smaller := false
		for i := 0; i < len(all); {
			gone := map[int64]bool{}
			for _, g := range all[i:min(i+size, len(all))] {
				gone[g] = true
			}
			out := slices.DeleteFunc(slices.Clone(ops), func(o op) bool { g, ok := group(o); return ok && gone[g] })
			if bad(out) {
				ops, smaller = out, true
				all = slices.Delete(all, i, min(i+size, len(all)))
				continue
			}
			i += size
		}
		switch {
		case size > 1:
			size /= 2
		case !smaller:
			return ops
		}
	}
}

// group says what an operation can only go together with.
func group(o op) (int64, bool) {
	switch {
	case o.to >= 0:
		return int64(o.to), true
	case o.from >= 0:
		return int64(o.from), true
	case o.from == nothingThere:
		return -1 - int64(o.id), true
	}
	return 0, false
}

// until is what a history looks like that ends behind the event at pos.
func (c *container) until(ops []op, pos int32) []op {
	var out []op
	for _, o := range ops {
		if o.inv > pos {
			continue
		}
		if o.ret > pos {
			if o.ret = never; o.to < 0 {
				o.from = nobodyKnows
			}
		}
		out = append(out, o)
	}
	return dropUntaken(out, len(c.values), intact)
}
