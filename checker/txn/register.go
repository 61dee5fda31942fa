package txn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// RWRegister is the checker of transactions on registers.
func RWRegister() checker.Spec {
	return checker.Spec{
		Name: "rw-register",
		Doc: "transactions that write and read registers (txn [[\"w\",\"x\",1],[\"r\",\"y\",null]]): which anomalies of isolation follow from what they read; " +
			"--param consistency=MODEL as of list-append, and wfr-keys, sequential-keys, linearizable-keys for what each key promises",
		Checker: rwRegister{},
	}
}

type rwRegister struct{ mistake mistake }

// Check judges the history.
func (x rwRegister) Check(ctx context.Context, in checker.Input) checker.Result {
	a, err := ask(in.Params)
	if err != nil {
		return checker.Result{Reason: err.Error()}
	}
	c, err := read(ctx, in.History, "w")
	if err != nil {
		return checker.Result{Reason: err.Error()}
	}
	if r, bad := c.unusable(); bad {
		return r
	}
	g := readRegisters(c, x.mistake)
	g.judge()
	g.meet()
	j := &judgement{columns: c, found: &g.found, graph: g.graph(a), source: g, writes: "w", mistake: x.mistake, facts: map[string]any{
		"algorithm": "order of versions from " + a.sources() + ", cycles of dependencies (Elle)",
	}}
	return j.result(ctx, a)
}

// sources names where the order of versions comes from.
func (a asked) sources() string {
	s := "the initial state"
	if a.wfr {
		s += ", writes that follow reads"
	}
	for _, o := range []struct {
		s    strength
		name string
	}{{a.session, "the order of processes"}, {a.time, "real time"}} {
		if o.s != absent {
			s += ", " + o.name
		}
	}
	return s
}

// registers are columns read as registers. A version is the number of the write that made it; the initial one of key k is
// -2-k, one that nobody wrote has a number below those, and what cannot take part is none.
type registers struct {
	*columns
	strange []stranger
	inter   []bool // of each write: its transaction wrote the key again
	seen    []bool // of each write: an ok transaction read it
	sighted []bool // of each transaction: an ok transaction read something that it wrote
	from    []int32
	touches []touch // by key, each key's in the order of invocations
	mistake mistake
	found   found
}

// touch is what one transaction has to do with one key, seen from outside.
type touch struct {
	txn         int32
	first, last int32 // the version that it met first: what it read before it wrote, else what it wrote; and the one it left
	reads       bool  // first was read
}

func initial(k int32) int32 { return -2 - k }

// readRegisters finds the version that every read saw: afterwards arg of a read is its version.
func readRegisters(c *columns, broken mistake) *registers {
	g := &registers{columns: c, inter: make([]bool, len(c.writes)), seen: make([]bool, len(c.writes)), sighted: make([]bool, c.txns()), mistake: broken}
	c.eachRead(func(t, m int32) {
		k, text := c.key[m], c.text(t, m)
		if text == "null" {
			c.arg[m] = initial(k)
			return
		}
		if c.arg[m] = c.writeOf(k, text); c.arg[m] >= 0 {
			g.seen[c.arg[m]], g.sighted[c.writes[c.arg[m]].txn] = true, true
			return
		}
		c.arg[m] = g.strangerOf(k, text)
		g.found.add("thin-air-read", k, []int32{t}, func() string {
			return fmt.Sprintf("%s read %s of key %s, but no transaction ever wrote that", c.label(t), show(text), c.keys[k])
		})
	})
	return g
}

// strangerOf numbers a value that nobody wrote.
func (g *registers) strangerOf(k int32, text string) int32 {
	s := stranger{k, text}
	i := slices.Index(g.strange, s)
	if i < 0 {
		i = len(g.strange)
		g.strange = append(g.strange, stranger{k, strings.Clone(text)})
	}
	return initial(int32(len(g.keys) + i))
}

// isStranger says whether nobody wrote a version, which is not the initial one.
func (g *registers) isStranger(v int32) bool { return v <= initial(int32(len(g.keys))) }

// alive says whether a version takes part in the order of its key: it was left by a transaction that happened.
func (g *registers) alive(w int32) bool {
	if w < 0 || g.inter[w] {
		return w < none
	}
	switch g.typ[g.writes[w].txn] {
	case history.OK:
		return true
	case history.Info:
		sighted := g.sighted[g.writes[w].txn] && (g.seen[w] || g.mistake != "no-sighting")
		return (sighted || g.mistake == "unseen-info") && g.mistake != "no-info"
	}
	return g.mistake == "failed-writes"
}

// regState is what a transaction knows of a key while it is walked through.
type regState struct {
	last    int32 // its micro-operation before
	version int32 // what it read or wrote last
	write   int32 // its last write
	first   int32 // what it read before it wrote anything; none if it wrote first
}

// judge finds what is wrong within single transactions, and between a read and the write that it saw.
func (g *registers) judge() {
	states := make([]regState, len(g.keys))
	g.walk(states, func(_, m int32, s *regState) {
		if g.write[m] && s.write != none {
			g.inter[s.write] = true
		}
	}, false)
	updated := map[int32]int32{} // who read a version and replaced it
	g.walk(states, func(t, m int32, s *regState) {
		if g.write[m] {
			g.judgeWrite(t, m, s, updated)
		} else {
			g.judgeRead(t, m, s)
		}
	}, true)
}

// walk visits the micro-operations, each with what its transaction knows of its key.
func (g *registers) walk(states []regState, visit func(t, m int32, s *regState), onlyOK bool) {
	for i := range states {
		states[i].last = none
	}
	for t := range g.txns() {
		if onlyOK && g.typ[t] != history.OK {
			continue
		}
		begin, end := g.mops(t)
		for m := begin; m < end; m++ {
			s := &states[g.key[m]]
			fresh := s.last < begin
			if fresh {
				*s = regState{last: none, version: none, write: none, first: none}
			}
			visit(t, m, s)
			if g.write[m] {
				s.write = g.arg[m]
			} else if fresh {
				s.first = g.arg[m]
			}
			s.last, s.version = m, g.arg[m]
		}
	}
}

// judgeWrite counts who replaced the same version.
func (g *registers) judgeWrite(t, m int32, s *regState, updated map[int32]int32) {
	if s.write != none || s.first == none || g.mistake == "no-lost-update" {
		return
	}
	k := g.key[m]
	if o, ok := updated[s.first]; ok {
		g.found.add("lost-update", k, []int32{o, t}, func() string {
			return fmt.Sprintf("%s and %s both read key %s as %s and wrote to it: one of them did not see what the other did",
				g.label(o), g.label(t), g.keys[k], g.valueText(s.first))
		})
	}
	updated[s.first] = t
}

// judgeRead compares a read with what its transaction did before, and with who wrote what it saw.
func (g *registers) judgeRead(t, m int32, s *regState) {
	k, w := g.key[m], g.arg[m]
	if s.last != none && s.version != w && g.mistake != "no-internal" {
		g.found.add("internal", k, []int32{t}, func() string {
			return fmt.Sprintf("%s read key %s as %s, but it had itself read or written %s just before", g.label(t), g.keys[k], g.valueText(w), g.valueText(s.version))
		})
	}
	if w < 0 {
		return
	}
	from := g.writes[w].txn
	switch {
	case from == t && g.writes[w].at > m && g.mistake != "no-future-read":
		g.found.add("future-read", k, []int32{t}, func() string {
			return fmt.Sprintf("%s read key %s as %s before it wrote that itself", g.label(t), g.keys[k], g.valueText(w))
		})
	case from == t:
	case g.typ[from] == history.Fail && g.mistake != "no-G1a":
		g.found.add("G1a", k, []int32{from, t}, func() string {
			return fmt.Sprintf("%s read key %s as %s, but %s, which wrote that, had failed", g.label(t), g.keys[k], g.valueText(w), g.label(from))
		})
	case g.inter[w] && g.mistake != "no-G1b":
		g.found.add("G1b", k, []int32{from, t}, func() string {
			return fmt.Sprintf("%s read key %s as %s, which %s wrote and then replaced itself: this state was never finished", g.label(t), g.keys[k], g.valueText(w), g.label(from))
		})
	}
}

// valueText is the value of a version.
func (g *registers) valueText(v int32) string {
	switch {
	case v >= 0:
		return show(g.elementText(v))
	case g.isStranger(v):
		return show(g.strange[initial(int32(len(g.keys)))-v].text)
	}
	return "nothing"
}

// meet lists, for each key, what each transaction has to do with it.
func (g *registers) meet() {
	states := make([]regState, len(g.keys))
	count := make([]int32, len(g.keys)+1)
	fill := func(add func(k int32, x touch)) {
		for i := range states {
			states[i].last = none
		}
		for t := range g.txns() {
			begin, end := g.mops(t)
			ok := g.typ[t] == history.OK
			for m := begin; m < end; m++ {
				k := g.key[m]
				s := &states[k]
				if s.last < begin {
					*s = regState{first: none, version: none}
					if ok && !g.write[m] && g.alive(g.arg[m]) && (g.arg[m] < 0 || g.writes[g.arg[m]].txn != t) {
						s.first = g.arg[m]
					}
				}
				s.last = m
				if g.write[m] && g.alive(g.arg[m]) {
					s.version = g.arg[m]
				}
			}
			for m := begin; m < end; m++ {
				k := g.key[m]
				s := &states[k]
				if s.last != m || s.first == none && s.version == none {
					continue
				}
				x := touch{txn: t, first: s.first, last: s.version, reads: s.first != none}
				if x.first == none {
					x.first = x.last
				}
				if x.last == none {
					x.last = x.first
				}
				add(k, x)
			}
		}
	}
	fill(func(k int32, _ touch) { count[k+1]++ })
	for k := range g.keys {
		count[k+1] += count[k]
	}
	g.from = count
	next := make([]int32, len(g.keys))
	copy(next, count)
	g.touches = make([]touch, count[len(g.keys)])
	fill(func(k int32, x touch) {
		g.touches[next[k]] = x
		next[k]++
	})
}

// of gives the touches of a key.
func (g *registers) of(k int32) []touch { return g.touches[g.from[k]:g.from[k+1]] }
