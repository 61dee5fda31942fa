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
	done  op             // by whose return that is certain: over itself, or an operation that saw its value
	since time.Duration  // how long that was before the last operation began
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
//   - stale-read: each writer of the value read, of those called before the read returned, was done before
//     another value's write was called, which itself was done before the read was called. A write is done when it
//     has returned, or, when it is the only one of its value, when an operation that saw it has;
//   - lost-write: a stale read, and moreover the write that overwrote it was never seen, and all that was seen from its
//     return to the end, on two nodes at least where there are two, was older.
//
// None of them is complete. The worst finding is given.
func (r *register) rules(m mutation) (*finding, staleness) {
	x := newIndex(r.ops, len(r.values))
	var best *finding
	take := func(f finding) {
		if best == nil || worse(f.name, f.since, best.name, best.since) < 0 {
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
		if over < 0 {
			continue
		}
		w, done := r.ops[over], r.ops[x.by[over]]
		f := finding{name: "stale-read", over: &w, done: done, since: checker.Since(r.view.Ops[done.ret], r.view.Ops[o.inv])}
		if o.read() {
			stale.reads++
			stale.longest = max(stale.longest, f.since)
		}
		proof := []int{over, x.by[over], int(o.id)}
		if last >= 0 {
			proof = append([]int{last, x.by[last]}, proof...)
		}
		for n, i := range proof {
			if !slices.Contains(proof[:n], i) {
				f.ops = append(f.ops, r.ops[i])
			}
		}
		if looked++; looked <= 50 && !w.pending() && r.lost(w, x) {
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
var severity = [...]string{
	"aborted-read", "aborted-element", "unexpected-element", "thin-air-read", "lost-update", "future-read", "lost-write", "stale-read",
	"refused-element", "element-from-nowhere", "element-twice", "element-too-early", "element-overtaken", "wrongly-empty", "nonlinearizable",
}

// worse orders findings, those that a reader must see first before others: by severity, then the most stale.
func worse(a string, since time.Duration, b string, bSince time.Duration) int {
	return cmp.Or(cmp.Compare(slices.Index(severity[:], a), slices.Index(severity[:], b)), cmp.Compare(bSince, since))
}

func at(o op, m mutation) int32 {
	if m == futureComparesReturns {
		return o.inv
	}
	return o.ret
}

// index is a register's operations arranged for the rules.
type index struct {
	ops     []op
	writers [][]int // value → operations that insert it, in the order of their calls
	by      []int   // insert → the operation whose return shows first that it is done: itself, or who saw it
	latest  [][]int // beside writers: the one that is done last so far
	done    []int   // inserts that are done at some time, in the order of their calls
	// Behind each of done, that included: the insert that is done first, and the one of another value that is done first.
	soonest, second []int
}

func newIndex(ops []op, values int) *index {
	x := &index{ops: ops, writers: make([][]int, values), latest: make([][]int, values), by: make([]int, len(ops))}
	for i, o := range ops {
		if x.by[i] = i; o.to != none {
			x.writers[o.to] = append(x.writers[o.to], i)
		}
	}
	for i, o := range ops {
		if o.from == none || o.from == initialID || len(x.writers[o.from]) != 1 {
			continue
		}
		if w := x.writers[o.from][0]; w != i && o.ret < x.end(w) {
			x.by[w] = i
		}
	}
	for i, o := range ops {
		if o.to == none {
			continue
		}
		latest := i
		if n := len(x.latest[o.to]); n > 0 && x.end(x.latest[o.to][n-1]) > x.end(i) {
			latest = x.latest[o.to][n-1]
		}
		x.latest[o.to] = append(x.latest[o.to], latest)
		if x.end(i) != never {
			x.done = append(x.done, i)
		}
	}
	x.soonest, x.second = make([]int, len(x.done)), make([]int, len(x.done))
	first, other := -1, -1
	for n := len(x.done) - 1; n >= 0; n-- {
		i := x.done[n]
		switch {
		case first < 0 || x.end(i) < x.end(first):
			if first >= 0 && ops[first].to != ops[i].to {
				other = first
			}
			first = i
		case ops[i].to != ops[first].to && (other < 0 || x.end(i) < x.end(other)):
			other = i
		}
		x.soonest[n], x.second[n] = first, other
	}
	return x
}

// end is where an insert is done; never while nobody knows.
func (x *index) end(i int) int32 { return x.ops[x.by[i]].ret }

// first gives the writer of a value, other than the operation self, that was called first; nil when there is none.
func (x *index) first(value, self int32) *op {
	for _, i := range x.writers[value] {
		if x.ops[i].id != self {
			return &x.ops[i]
		}
	}
	return nil
}

// overwritten gives the insert that proves o stale, -1 for none, and the last writer of the value that o saw (-1: the initial value).
func (x *index) overwritten(o op, m mutation) (over, last int) {
	writers := x.writers[o.from]
	n := sort.Search(len(writers), func(n int) bool { return x.ops[writers[n]].inv > o.ret })
	last = -1
	end := int32(-1) // the initial value was there before anything
	switch {
	case n > 0:
		last = x.latest[o.from][n-1]
		if m == staleForgetsRepeats {
			last = writers[0]
		}
		end = x.end(last)
		if end == never {
			if m != staleForgetsPending {
				return -1, -1
			}
			end = x.ops[last].inv
		}
	case o.from != initialID:
		return -1, -1
	}
	from := sort.Search(len(x.done), func(n int) bool { return x.ops[x.done[n]].inv > end })
	if from == len(x.done) {
		return -1, -1
	}
	i := x.soonest[from]
	if x.ops[i].to == o.from {
		i = x.second[from]
	}
	if i < 0 || x.end(i) >= o.inv {
		return -1, -1
	}
	return i, last
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
		if len(ws) > 0 && x.end(x.latest[o.from][len(ws)-1]) > w.inv {
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
		f.ops = append(f.ops, cas[:min(len(cas), max(times, 0)+1)]...)
		slices.SortFunc(f.ops, func(a, b op) int { return cmp.Compare(a.inv, b.inv) })
		f.ops = slices.CompactFunc(f.ops, func(a, b op) bool { return a.id == b.id })
		if found == nil || f.ops[len(f.ops)-1].inv < found.ops[len(found.ops)-1].inv {
			found = &f
		}
	}
	return found
}
