package linear

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// finding is a proof that a register is not linearizable.
type finding struct {
	name  string
	value int32          // the value it is about, for lost updates
	ops   []op           // the proof; the last one is the operation that cannot be explained
	over  *op            // what overwrote the value, for stale reads and lost writes
	call  []history.Call // calls beside the ops: refused ones
}

// staleness is how often and how badly a key's reads were stale.
type staleness struct {
	reads   int
	longest time.Duration // between the end of the overwriting and the read
}

// rules applies the exact rules, each of which proves a violation by itself:
//   - aborted-read: the value read was only ever written by operations that certainly did not happen;
//   - thin-air-read: nobody wrote it;
//   - lost-update: more cas moved away from a value than times it was written;
//   - future-read: the read returned before the first writer of its value was called;
//   - stale-read: each writer of the value read, of those called before the read returned, had returned before
//     another value's write was called, which itself had returned before the read was called;
//   - lost-write: a stale read, and moreover the write that overwrote it was never seen, and all that was seen from its
//     return to the end, on two nodes at least where there are two, was older.
//
// None of them is complete. The first finding of the worst kind is given.
func (r *register) rules(m mutation) (*finding, staleness) {
	x := newIndex(r.ops, len(r.values))
	var best *finding
	take := func(f finding) {
		if best == nil || slices.Index(severity[:], f.name) < slices.Index(severity[:], best.name) {
			best = &f
		}
	}
	var stale staleness
	looked := 0 // how often lost went through the whole register
	for _, o := range r.ops {
		if o.from == none || o.pending() {
			continue
		}
		switch {
		case o.from != initialID && x.first(o.from, o.id) == nil:
			if ci, ok := r.refused[o.from]; ok {
				take(finding{name: "aborted-read", ops: []op{o}, call: []history.Call{r.view.Calls[ci]}})
			} else {
				take(finding{name: "thin-air-read", ops: []op{o}})
			}
			continue
		case o.from != initialID && x.first(o.from, o.id).inv > at(o, m):
			take(finding{name: "future-read", ops: []op{*x.first(o.from, o.id), o}})
			continue
		}
		over, last := x.overwritten(o, m)
		if over == nil {
			continue
		}
		if o.read() {
			stale.reads++
			stale.longest = max(stale.longest, checker.Since(r.view.Ops[over.ret], r.view.Ops[o.inv]))
		}
		f := finding{name: "stale-read", ops: []op{*over, o}, over: over}
		if last != nil {
			f.ops = []op{*last, *over, o}
		}
		if looked++; looked <= 50 && r.lost(*over, x) {
			f.name = "lost-write"
		}
		take(f)
	}
	if f := r.lostUpdate(x, m); f != nil {
		take(*f)
	}
	return best, stale
}

// severity orders the names, the worst first.
var severity = [...]string{"aborted-read", "thin-air-read", "lost-update", "future-read", "lost-write", "stale-read"}

func at(o op, m mutation) int {
	if m == futureComparesReturns {
		return o.inv
	}
	return o.ret
}

// index is a register's operations arranged for the rules.
type index struct {
	ops     []op
	writers [][]int // value → operations that insert it, in the order of their calls
	maxRet  [][]int // beside writers: the one with the latest return so far
	done    []int   // inserts with a known end, in the order of their calls
	// Behind each of done, that included: the insert that returns first, and the one of another value that returns first.
	soonest, second []int
}

func newIndex(ops []op, values int) *index {
	x := &index{ops: ops, writers: make([][]int, values), maxRet: make([][]int, values)}
	for i, o := range ops {
		if o.to == none {
			continue
		}
		latest := i
		if n := len(x.maxRet[o.to]); n > 0 && ops[x.maxRet[o.to][n-1]].ret > o.ret {
			latest = x.maxRet[o.to][n-1]
		}
		x.writers[o.to] = append(x.writers[o.to], i)
		x.maxRet[o.to] = append(x.maxRet[o.to], latest)
		if !o.pending() {
			x.done = append(x.done, i)
		}
	}
	x.soonest, x.second = make([]int, len(x.done)), make([]int, len(x.done))
	first, other := -1, -1
	for n := len(x.done) - 1; n >= 0; n-- {
		i := x.done[n]
		switch {
		case first < 0 || ops[i].ret < ops[first].ret:
			if first >= 0 && ops[first].to != ops[i].to {
				other = first
			}
			first = i
		case ops[i].to != ops[first].to && (other < 0 || ops[i].ret < ops[other].ret):
			other = i
		}
		x.soonest[n], x.second[n] = first, other
	}
	return x
}

// first gives the writer of a value, other than the operation self, that was called first; nil when there is none.
func (x *index) first(value, self int32) *op {
	for _, i := range x.writers[value] {
		if x.ops[i].id != self {
			return &x.ops[i]
		}
	}
	return nil
}

// overwritten gives the insert that proves o stale, nil for none, and the last writer of the value that o saw (nil: the initial value).
func (x *index) overwritten(o op, m mutation) (over, last *op) {
	writers := x.writers[o.from]
	n := sort.Search(len(writers), func(n int) bool { return x.ops[writers[n]].inv > o.ret })
	end := -1 // the initial value was there before anything
	switch {
	case n > 0:
		last = &x.ops[x.maxRet[o.from][n-1]]
		if m == staleForgetsRepeats {
			last = &x.ops[writers[0]]
		}
		end = last.ret
		if end == never {
			if m != staleForgetsPending {
				return nil, nil
			}
			end = last.inv
		}
	case o.from != initialID:
		return nil, nil
	}
	from := sort.Search(len(x.done), func(n int) bool { return x.ops[x.done[n]].inv > end })
	if from == len(x.done) {
		return nil, nil
	}
	i := x.soonest[from]
	if x.ops[i].to == o.from {
		i = x.second[from]
	}
	if i < 0 || x.ops[i].ret >= o.inv {
		return nil, nil
	}
	return &x.ops[i], last
}

// lost reports whether w, which overwrote what a stale read answered, is a write that everybody missed, not only some.
func (r *register) lost(w op, x *index) bool {
	nodes, all := map[string]bool{}, map[string]bool{}
	for _, o := range r.ops {
		all[r.view.Ops[o.inv].Node] = true
		if o.from == none || o.pending() {
			continue
		}
		if o.from == w.to {
			return false
		}
		if o.ret < w.inv {
			continue
		}
		ws := x.writers[o.from]
		if len(ws) == 0 && o.from != initialID {
			return false
		}
		if len(ws) > 0 && x.ops[x.maxRet[o.from][len(ws)-1]].ret > w.inv {
			return false // it saw something that is not older
		}
		if o.inv > w.ret {
			nodes[r.view.Ops[o.inv].Node] = true
		}
	}
	return len(nodes) >= min(2, len(all))
}

// lostUpdate finds a value that more cas moved away from than times it was there.
func (r *register) lostUpdate(x *index, m mutation) *finding {
	moved := map[int32][]op{}
	for _, o := range r.ops {
		if o.from != none && o.to != none && o.from != o.to && !o.pending() {
			moved[o.from] = append(moved[o.from], o)
		}
	}
	var found *finding
	for v, cas := range moved {
		times := len(x.writers[v])
		if v == initialID {
			times++
		}
		if m == aloneCasLosesUpdate {
			times--
		}
		if len(cas) <= times || len(x.writers[v]) > 4 {
			continue
		}
		f := finding{name: "lost-update", value: v}
		for _, i := range x.writers[v] {
			f.ops = append(f.ops, x.ops[i])
		}
		f.ops = append(f.ops, cas[:min(len(cas), times+1)]...)
		slices.SortFunc(f.ops, func(a, b op) int { return cmp.Compare(a.inv, b.inv) })
		f.ops = slices.CompactFunc(f.ops, func(a, b op) bool { return a.id == b.id })
		if found == nil || f.ops[len(f.ops)-1].inv < found.ops[len(found.ops)-1].inv {
			found = &f
		}
	}
	return found
}
