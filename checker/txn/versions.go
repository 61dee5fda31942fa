package txn

import (
	"fmt"
	"slices"
)

// version is one value that a register had, in the small world of its key. The versions of a key are numbered from 0, which
// is the initial one.
type version struct {
	writer  int32   // none for the initial one, and for one that nobody wrote
	readers []int32 // transactions that met it first, by a read
	end     int32   // the earliest end of those that met it
	begin   int32   // the latest beginning of those that met it
}

// order is one step in the order of versions.
type order struct {
	a, b int32
	kind variant // plain, or inferred from the order of processes or of time
}

// ordering finds the order of one key's versions. It is used for one key after another, to save memory.
type ordering struct {
	*registers
	asked    asked
	versions []version
	local    []int32 // of each write, its number among the versions of the key at hand
	steps    []order
	last     map[int32]int32 // of each process, the version that it met last
	strange  map[int32]int32 // the numbers of versions that nobody wrote
}

// graph makes the dependencies of registers: wr from the writer of a version to its readers; and for each version and one
// that comes after it, ww from writer to writer and rw from reader to writer.
//
// That the order of versions holds is known from what the model grants, and never from more: the initial version is the
// first, always; what a transaction read and replaced comes before what it wrote (wfr), from snapshot isolation up; what
// one process met first comes first, where the model has sessions; what was met by a transaction that ended before another
// began that met another version comes first, where the model has real time. A source that contradicts the ones before it
// is reported, and left out for that key.
func (g *registers) graph(a asked) *graph {
	b := newBuilder(g.txns(), len(g.touches)*3, g.mistake)
	switch g.mistake {
	case "no-wfr":
		a.wfr = false
	case "no-zones":
		a.time = absent
	case "greedy":
		a.wfr, a.session, a.time = true, promised, promised
	}
	o := &ordering{registers: g, asked: a, local: make([]int32, len(g.writes)), last: map[int32]int32{}, strange: map[int32]int32{}}
	for k := range int32(len(g.keys)) {
		o.key(k, b)
	}
	return b.graph()
}

// key adds the dependencies of one key.
func (o *ordering) key(k int32, b *builder) {
	o.collect(k)
	for _, v := range o.versions[1:] {
		if o.mistake == "no-wr" {
			break
		}
		for _, r := range v.readers {
			if v.writer != none {
				b.edge(v.writer, r, wr)
			}
		}
	}
	if o.mistake != "no-initial" {
		var all []int32
		for _, v := range o.versions[1:] {
			if v.writer != none {
				all = append(all, v.writer)
			}
		}
		b.fan(o.versions[0].readers, all, rw)
	}
	o.steps = o.steps[:0]
	if o.asked.wfr {
		o.add(k, plain, "what transactions read and then wrote", o.rewrites(k))
	}
	if o.asked.session != absent {
		o.add(k, process, "what each client met one after another", o.sessions(k))
	}
	if o.asked.time != absent {
		if !o.timely() {
			o.contradiction(k, realtime, "what was met in real time")
			o.writesInTime()
		}
		if !o.add(k, realtime, "what was met in real time", o.inTime()) {
			o.writesInTime()
			o.add(k, realtime, "what was written in real time", o.inTime())
		}
	}
	o.emit(b)
}

// collect numbers the versions of a key, and who met them.
func (o *ordering) collect(k int32) {
	for i := range o.versions {
		o.versions[i].readers = o.versions[i].readers[:0]
	}
	o.versions = o.versions[:0]
	o.version(none)
	clear(o.strange)
	for _, x := range o.of(k) {
		if x.last >= 0 && o.writes[x.last].txn == x.txn {
			o.local[x.last] = o.version(x.txn)
		}
		if _, ok := o.strange[x.first]; !ok && o.isStranger(x.first) {
			o.strange[x.first] = o.version(none)
		}
	}
	for _, x := range o.of(k) {
		first, last := o.number(x.first), o.number(x.last)
		if x.reads {
			o.versions[first].readers = append(o.versions[first].readers, x.txn)
		}
		for _, n := range [2]int32{first, last} {
			v := &o.versions[n]
			v.end, v.begin = min(v.end, o.ret[x.txn]), max(v.begin, o.inv[x.txn])
		}
	}
}

// version adds a version, and reuses the memory of one that was there before.
func (o *ordering) version(writer int32) int32 {
	n := len(o.versions)
	if n < cap(o.versions) {
		o.versions = o.versions[:n+1]
	} else {
		o.versions = append(o.versions, version{})
	}
	o.versions[n] = version{writer: writer, readers: o.versions[n].readers[:0], end: never, begin: none}
	return int32(n)
}

func (o *ordering) number(version int32) int32 {
	switch {
	case version >= 0:
		return o.local[version]
	case o.isStranger(version):
		return o.strange[version]
	}
	return 0
}

// rewrites: who read a version and left another.
func (o *ordering) rewrites(k int32) (out []order) {
	for _, x := range o.of(k) {
		if a, b := o.number(x.first), o.number(x.last); x.reads && a != b && a != 0 {
			out = append(out, order{a, b, plain})
		}
	}
	return out
}

// sessions: what one process left, and what it met next.
func (o *ordering) sessions(k int32) (out []order) {
	kind := process
	if o.asked.session == promised {
		kind = plain
	}
	clear(o.last)
	for _, x := range o.of(k) {
		p := o.process(x.txn)
		first := o.number(x.first)
		if a, ok := o.last[p]; ok && a != first && a != 0 {
			out = append(out, order{a, first, kind})
		}
		o.last[p] = o.number(x.last)
	}
	return out
}

// add takes one more source, unless it contradicts what is known already.
func (o *ordering) add(k int32, v variant, what string, more []order) bool {
	n := len(o.steps)
	o.steps = append(o.steps, more...)
	if acyclic(len(o.versions), o.steps) {
		return true
	}
	o.steps = o.steps[:n]
	o.contradiction(k, v, what)
	return false
}

// contradiction reports a source that makes a cycle of versions.
func (o *ordering) contradiction(k int32, v variant, what string) {
	if v == process && o.asked.session == promised || v == realtime && o.asked.time == promised {
		v = plain
	}
	name := "cyclic-versions" + variantNames[v]
	if slices.ContainsFunc(o.found.list, func(f finding) bool { return f.name == name && f.key == k }) {
		return
	}
	var ts []int32
	for _, v := range o.versions[1:] {
		if v.writer != none && len(ts) < described {
			ts = append(ts, v.writer)
		}
	}
	o.found.add(name, k, ts, func() string {
		return fmt.Sprintf("the values of key %s cannot be ordered by %s: some would have to be both newer and older than others", o.keys[k], what)
	})
}

// acyclic says whether steps between n versions lead in no circle (Kahn 1962).
func acyclic(n int, steps []order) bool {
	into, from := make([]int32, n), make([]int32, n+1)
	for _, s := range steps {
		into[s.b]++
		from[s.a+1]++
	}
	for i := range n {
		from[i+1] += from[i]
	}
	to, next := make([]int32, len(steps)), slices.Clone(from)
	for _, s := range steps {
		to[next[s.a]] = s.b
		next[s.a]++
	}
	var free []int32
	for i := range n {
		if into[i] == 0 {
			free = append(free, int32(i))
		}
	}
	done := 0
	for ; len(free) > 0; done++ {
		a := free[len(free)-1]
		free = free[:len(free)-1]
		for _, b := range to[from[a]:from[a+1]] {
			if into[b]--; into[b] == 0 {
				free = append(free, b)
			}
		}
	}
	return done == n
}

// emit turns the order of versions into dependencies of transactions.
func (o *ordering) emit(b *builder) {
	slices.SortFunc(o.steps, func(x, y order) int {
		if x.a != y.a {
			return int(x.a - y.a)
		}
		if x.b != y.b {
			return int(x.b - y.b)
		}
		return int(x.kind) - int(y.kind)
	})
	var one, targets []int32
	for i := 0; i < len(o.steps); {
		a, kind := o.steps[i].a, o.steps[i].kind
		targets = targets[:0]
		for ; i < len(o.steps) && o.steps[i].a == a && o.steps[i].kind == kind; i++ {
			if s := o.steps[i]; o.versions[s.b].writer != none && (i == 0 || o.steps[i-1] != s) {
				targets = append(targets, o.versions[s.b].writer)
			}
		}
		v := &o.versions[a]
		one = append(one[:0], v.writer)
		if v.writer != none && o.mistake != "no-ww" {
			b.fan(one, targets, [variants]label{ww, wwProcess, wwRealtime}[kind])
		}
		if o.mistake != "no-rw" {
			b.fan(v.readers, targets, [variants]label{rw, rwProcess, rwRealtime}[kind])
		}
	}
}
