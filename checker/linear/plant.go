package linear

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

const (
	plantKeys = 3   // keys in a canary
	plantOps  = 100 // calls of each of them, at most
	plantLook = 20  // keys that are looked at to find one in which something can be planted
)

// Plant gives the beginnings of a few keys, and in one of them one read answers what it cannot have seen: a value that had been
// overwritten before; or, where there is none and now and then, one that nobody wrote.
func (registerChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	keys := v.Keys()
	if len(keys) == 0 {
		return nil, false
	}
	var calls []history.Call
	used := map[string]bool{}
	at, answer := -1, history.Value("") // the event that is changed
	for n := 0; n < plantLook && len(used) < min(plantKeys, len(keys)); n++ {
		key := keys[r.IntN(len(keys))]
		if used[key] {
			continue
		}
		part := beginning(v, key)
		if at < 0 {
			if at, answer = lie(v, part, r); at < 0 {
				continue
			}
		}
		used[key] = true
		calls = append(calls, part...)
	}
	if at < 0 {
		return nil, false
	}
	ops := checker.Excerpt(v, calls)
	i, found := slices.BinarySearchFunc(ops, v.Ops[at].Index, func(o history.Op, index int64) int { return cmp.Compare(o.Index, index) })
	if !found {
		return nil, false
	}
	ops[i].Value = answer
	return ops, true
}

// beginning gives the first calls of a key as they stood when the last of them was called: of what had not ended by then
// nobody knows. The beginning of a linearizable history is one, too.
func beginning(v *history.View, key string) []history.Call {
	all := v.CallsOf(key)
	part := make([]history.Call, 0, plantOps)
	for _, ci := range all[:min(len(all), plantOps)] {
		part = append(part, v.Calls[ci])
	}
	if len(part) == len(all) {
		return part
	}
	end := part[len(part)-1].Invoke
	for i := range part {
		if part[i].Return > end {
			part[i].Type = history.Info
		}
	}
	return part
}

// lie chooses the completion of an ok read, and what it shall have answered instead; -1 when there is no read.
func lie(v *history.View, part []history.Call, r *rand.Rand) (at int, answer history.Value) {
	var reads, inserts []history.Call // inserts with a known end
	writers := map[string]int{}       // how many may have put a value there
	put := func(c history.Call) history.Value {
		inv := v.Inv(c)
		if inv.F == "cas" {
			_, to, _ := inv.Value.Pair()
			return to
		}
		return inv.Value
	}
	for _, c := range part {
		switch f := v.Inv(c).F; {
		case c.Type == history.Fail:
		case f == "read" && c.Type == history.OK:
			reads = append(reads, c)
		case f == "write" || f == "cas":
			writers[checker.Canonical(put(c))]++
			if c.Type == history.OK {
				inserts = append(inserts, c)
			}
		}
	}
	if len(reads) == 0 {
		return -1, ""
	}
	r.Shuffle(len(reads), func(i, j int) { reads[i], reads[j] = reads[j], reads[i] })
	if r.IntN(4) > 0 {
		for _, read := range reads {
			var stale []history.Value
			for _, over := range inserts {
				if over.Return >= read.Invoke {
					continue
				}
				for _, old := range inserts {
					if text := checker.Canonical(put(old)); old.Return < over.Invoke && writers[text] == 1 && text != checker.Canonical(put(over)) {
						stale = append(stale, put(old))
					}
				}
			}
			if len(stale) > 0 {
				return read.Return, stale[r.IntN(len(stale))]
			}
		}
	}
	return reads[0].Return, history.Str(fmt.Sprintf("canary-%016x", r.Uint64()))
}
