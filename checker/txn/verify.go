package txn

import (
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// The verifier looks at the raw history only: it takes each claim of a cycle at its word, finds the operations in the
// history and reads in their values whether what is claimed stands there. It shares the definition of a claim with the
// search, and nothing else.

// verifier judges claims about one history.
type verifier struct {
	v      *history.View
	writes string // the micro-operation that writes: "append" or "w"
}

// cycle verifies every claim of a cycle, and that they make one.
func (x verifier) cycle(cs []claim) error {
	for i, c := range cs {
		if next := cs[(i+1)%len(cs)]; c.to != next.from {
			return fmt.Errorf("verify the cycle: step %d ends at call %d and the next one begins at call %d", i, c.to, next.from)
		}
		if err := x.claim(c); err != nil {
			return fmt.Errorf("verify step %d (%s): %w", i, c.kind, err)
		}
	}
	return nil
}

// claim verifies one.
func (x verifier) claim(c claim) error {
	from, to := x.v.Calls[c.from], x.v.Calls[c.to]
	switch {
	case c.from == c.to:
		return fmt.Errorf("a transaction does not come before itself")
	case from.Type == history.Fail || to.Type == history.Fail:
		return fmt.Errorf("a failed transaction is in no order")
	case c.kind == "realtime":
		return x.before(c.from, c.to, false)
	case c.kind == "process":
		return x.before(c.from, c.to, true)
	case !x.happened(c.from, c.fromSeen) || !x.happened(c.to, c.toSeen):
		return fmt.Errorf("nobody knows whether calls %d and %d happened", c.from, c.to)
	case c.kind == "wr":
		return x.wr(c)
	case c.kind == "ww":
		if !x.wrote(c.from, c, c.a) {
			return fmt.Errorf("call %d did not write %s to key %s", c.from, c.a, c.key)
		}
	case c.kind == "rw":
		if err := x.sawLess(c); err != nil {
			return err
		}
	default:
		return fmt.Errorf("there is no edge of the kind %q", c.kind)
	}
	if !x.wrote(c.to, c, c.b) {
		return fmt.Errorf("call %d did not write %s to key %s", c.to, c.b, c.key)
	}
	return x.order(c)
}

// happened says whether a call took place: it is ok, or somebody read what it wrote.
func (x verifier) happened(call int, seen *sighting) bool {
	if x.v.Calls[call].Type == history.OK {
		return true
	}
	if seen == nil {
		return false
	}
	c := claim{object: seen.object, key: seen.key}
	if !x.wrote(call, c, seen.value) || x.v.Calls[seen.by].Type != history.OK {
		return false
	}
	return slices.ContainsFunc(x.mops(seen.by, c), func(m history.Mop) bool {
		list, _ := m.Value.List()
		return m.F == "r" && (at(list, seen.value) >= 0 || sameValue(string(m.Value), seen.value))
	})
}

// before verifies that p ended before q began.
func (x verifier) before(p, q int, sameProcess bool) error {
	a, b := x.v.Calls[p], x.v.Calls[q]
	switch {
	case a.Type != history.OK || a.Return < 0:
		return fmt.Errorf("nobody knows when call %d ended", p)
	case a.Return > b.Invoke:
		return fmt.Errorf("call %d had not ended when call %d began", p, q)
	case sameProcess && a.Worker != b.Worker:
		return fmt.Errorf("calls %d and %d are of two processes", p, q)
	}
	return nil
}

// mops are the micro-operations of a call on the claim's key: what it answered when it is ok, else what it asked for.
func (x verifier) mops(call int, c claim) (out []history.Mop) {
	k := x.v.Calls[call]
	if x.v.Inv(k).Key != c.object {
		return nil
	}
	value := x.v.Inv(k).Value
	if k.Type == history.OK {
		value = x.v.Ops[k.Return].Value
	}
	all, _ := value.Txn()
	for _, m := range all {
		if m.Key == c.key {
			out = append(out, m)
		}
	}
	return out
}

// wrote says whether a call writes a value.
func (x verifier) wrote(call int, c claim, value string) bool {
	return slices.ContainsFunc(x.mops(call, c), func(m history.Mop) bool { return m.F == x.writes && sameValue(string(m.Value), value) })
}

// lists are the lists that a call read of the claim's key.
func (x verifier) lists(call int, c claim) (out [][]history.Value) {
	if x.v.Calls[call].Type != history.OK {
		return nil
	}
	for _, m := range x.mops(call, c) {
		if m.F == "r" {
			vs, _ := m.Value.List()
			out = append(out, vs)
		}
	}
	return out
}

// first is what a call read of the claim's register before it wrote to it.
func (x verifier) first(call int, c claim) (string, bool) {
	if ms := x.mops(call, c); x.v.Calls[call].Type == history.OK && len(ms) > 0 && ms[0].F == "r" {
		return string(ms[0].Value), true
	}
	return "", false
}

// wr verifies that to read what from wrote.
func (x verifier) wr(c claim) error {
	if !x.wrote(c.from, c, c.a) {
		return fmt.Errorf("call %d did not write %s to key %s", c.from, c.a, c.key)
	}
	if x.writes == "append" {
		for _, list := range x.lists(c.to, c) {
			if at(list, c.a) >= 0 {
				return nil
			}
		}
	} else if a, ok := x.first(c.to, c); ok && sameValue(a, c.a) {
		return nil
	}
	return fmt.Errorf("call %d did not read %s of key %s", c.to, c.a, c.key)
}

// sawLess verifies that from read the key, up to a, and not b.
func (x verifier) sawLess(c claim) error {
	if x.writes != "append" {
		if a, ok := x.first(c.from, c); ok && sameValue(a, c.a) && !sameValue(a, c.b) {
			return nil
		}
		return fmt.Errorf("call %d did not read key %s as %q", c.from, c.key, c.a)
	}
	for _, list := range x.lists(c.from, c) {
		if at(list, c.b) < 0 && (len(list) == 0 && c.a == "" || len(list) > 0 && sameValue(string(list[len(list)-1]), c.a)) {
			return nil
		}
	}
	return fmt.Errorf("call %d read no list of key %s that ends with %q and lacks %s", c.from, c.key, c.a, c.b)
}

// order verifies that b comes after a.
func (x verifier) order(c claim) error {
	switch c.because {
	case inRead:
		for _, list := range x.lists(c.p, c) {
			if a, b := at(list, c.a), at(list, c.b); b >= 0 && a < b && (a >= 0 || c.a == "") {
				return nil
			}
		}
		return fmt.Errorf("call %d does not show %q before %s in key %s", c.p, c.a, c.b, c.key)
	case unseen:
		if c.a == "" {
			return nil
		}
		for _, list := range x.lists(c.p, c) {
			if at(list, c.a) >= 0 {
				return nil
			}
		}
		return fmt.Errorf("call %d does not show %q in key %s", c.p, c.a, c.key)
	case initially:
		if c.a != "" || c.b == "" {
			return fmt.Errorf("%q is not what key %s was at first", c.a, c.key)
		}
		return nil
	case rewritten:
		if a, ok := x.first(c.p, c); !ok || !sameValue(a, c.a) || !x.wrote(c.p, c, c.b) {
			return fmt.Errorf("call %d did not read %q of key %s and write %s", c.p, c.a, c.key, c.b)
		}
		return nil
	case inSession, inRealtime:
		if !x.met(c.p, c, c.a) || !x.met(c.q, c, c.b) {
			return fmt.Errorf("calls %d and %d did not meet %q and %q in key %s", c.p, c.q, c.a, c.b, c.key)
		}
		return x.before(c.p, c.q, c.because == inSession)
	}
	return fmt.Errorf("%q is no reason", c.because)
}

// met says whether a call read a value first, or wrote it.
func (x verifier) met(call int, c claim, value string) bool {
	a, ok := x.first(call, c)
	return ok && sameValue(a, value) || value != "" && x.wrote(call, c, value)
}

// refuted looks through the whole history once for what is claimed to be in no read, and gives the cycles that are wrong
// about it.
func (x verifier) refuted(cycles [][]claim) map[int]bool {
	type place struct{ object, key string }
	claims := map[place][]int{}
	for i, cs := range cycles {
		for _, c := range cs {
			if c.because == unseen {
				claims[place{c.object, c.key}] = append(claims[place{c.object, c.key}], i)
			}
		}
	}
	out := map[int]bool{}
	if len(claims) == 0 {
		return out
	}
	var r reader
	for i, call := range x.v.Calls {
		if call.Type != history.OK {
			continue
		}
		ms, _ := r.mops(x.v.Ops[call.Return].Value)
		for _, m := range ms {
			if m.f != "r" {
				continue
			}
			for _, n := range claims[place{x.v.Inv(call).Key, m.key}] {
				for _, c := range cycles[n] {
					if c.because == unseen && c.key == m.key && slices.ContainsFunc(x.lists(i, c), func(l []history.Value) bool { return at(l, c.b) >= 0 }) {
						out[n] = true
					}
				}
			}
		}
	}
	return out
}

// at is the place of a value in a list, -1 when it is not there.
func at(list []history.Value, value string) int {
	return slices.IndexFunc(list, func(v history.Value) bool { return sameValue(string(v), value) })
}

// sameValue compares two values by their texts without white space.
func sameValue(a, b string) bool {
	return history.Value(a).JSON() == history.Value(b).JSON() || compacted(a) == compacted(b)
}
