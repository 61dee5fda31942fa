package txn

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// plantCalls is how many calls a canary has, at most: the first of the history. What they read was written by them.
const plantCalls = 300

// Plant gives the beginning of the history, in which one read answers what it cannot have seen: an effect of a transaction
// that has seen an effect of the reader itself (G1c); or, where no two transactions are of that kind, and now and then,
// something that nobody wrote. Every model forbids one of them that is worth asking for.
func (x listAppend) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	return plant(v, r, "append")
}

func plant(v *history.View, r *rand.Rand, writes string) ([]history.Op, bool) {
	part := slices.Clone(v.Calls[:min(len(v.Calls), plantCalls)])
	if len(part) == 0 {
		return nil, false
	}
	if end := part[len(part)-1].Invoke; len(part) < len(v.Calls) {
		for i := range part {
			if part[i].Return > end {
				part[i].Type = history.Info
			}
		}
	}
	event, mops := -1, []history.Mop(nil)
	if r.IntN(4) > 0 {
		event, mops = backwards(v, part, r, writes)
	}
	if event < 0 {
		event, mops = fromThinAir(v, part, r, writes)
	}
	if event < 0 {
		return nil, false
	}
	ops := checker.Excerpt(v, part)
	for i := range ops {
		if ops[i].Index == v.Ops[event].Index {
			ops[i].Value = history.Txn(mops)
			return ops, true
		}
	}
	return nil, false
}

// written is where a value was written.
type written struct {
	object, key, value string
}

// backwards looks for T2 that read what T1 wrote, and lets T1 read what T2 wrote to a key that T1 only reads.
func backwards(v *history.View, part []history.Call, r *rand.Rand, writes string) (int, []history.Mop) {
	writer := map[written]int{}
	mops := make([][]history.Mop, len(part))
	for i, c := range part {
		if c.Type != history.OK {
			continue
		}
		mops[i], _ = v.Ops[c.Return].Value.Txn()
		for _, m := range mops[i] {
			if m.F == writes {
				writer[written{v.Inv(c).Key, m.Key, string(m.Value)}] = i
			}
		}
	}
	for _, t2 := range r.Perm(len(part)) {
		object := v.Inv(part[t2]).Key
		for _, m := range mops[t2] {
			for _, value := range elementsOf(m, writes) {
				t1, ok := writer[written{object, m.Key, string(value)}]
				if !ok || t1 == t2 {
					continue
				}
				for i, read := range mops[t1] {
					b := lastWrite(mops[t2], read.Key, writes)
					if read.F != "r" || b == "" || touched(mops[t1], i) {
						continue
					}
					out := slices.Clone(mops[t1])
					out[i].Value = grown(read.Value, b, writes)
					return part[t1].Return, out
				}
			}
		}
	}
	return -1, nil
}

// elementsOf gives what a read shows.
func elementsOf(m history.Mop, writes string) []history.Value {
	switch {
	case m.F != "r" || m.Value.IsNil():
		return nil
	case writes == "append":
		vs, _ := m.Value.List()
		return vs
	}
	return []history.Value{m.Value}
}

// lastWrite is what a transaction leaves in a key, "" when it writes nothing there.
func lastWrite(mops []history.Mop, key, writes string) (b history.Value) {
	for _, m := range mops {
		if m.F == writes && m.Key == key {
			b = m.Value
		}
	}
	return b
}

// touched says whether a transaction does more with the key of its micro-operation i.
func touched(mops []history.Mop, i int) bool {
	for j, m := range mops {
		if j != i && m.Key == mops[i].Key {
			return true
		}
	}
	return false
}

// grown is a read that shows b too.
func grown(old, b history.Value, writes string) history.Value {
	if writes != "append" {
		return b
	}
	vs, _ := old.List()
	return history.List(append(slices.Clone(vs), b)...)
}

// fromThinAir lets a read answer what nobody wrote.
func fromThinAir(v *history.View, part []history.Call, r *rand.Rand, writes string) (int, []history.Mop) {
	strange := history.Str(fmt.Sprintf("canary-%016x", r.Uint64()))
	for _, i := range r.Perm(len(part)) {
		if part[i].Type != history.OK || strings.Contains(string(v.Inv(part[i]).Value), string(strange)) {
			continue
		}
		mops, _ := v.Ops[part[i].Return].Value.Txn()
		for j, m := range mops {
			if m.F == "r" {
				mops[j].Value = grown(m.Value, strange, writes)
				return part[i].Return, mops
			}
		}
	}
	return -1, nil
}

// Plant is as that of list-append.
func (x rwRegister) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	return plant(v, r, "w")
}
