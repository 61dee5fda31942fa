package checker

import (
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/history"
)

// keysFrom gives all keys, beginning with one that is drawn.
func keysFrom(v *history.View, r *rand.Rand) []string {
	keys := v.Keys()
	if len(keys) == 0 {
		return nil
	}
	from := r.IntN(len(keys))
	return slices.Concat(keys[from:], keys[:from])
}

// succeeded gives the calls of one kind on a key that succeeded.
func succeeded(v *history.View, key, f string) (cs []history.Call) {
	for _, i := range v.CallsOf(key) {
		if c := v.Calls[i]; c.Type == history.OK && v.Inv(c).F == f {
			cs = append(cs, c)
		}
	}
	return cs
}

// change rewrites the completion of a call.
func change(v *history.View, ops []history.Op, c history.Call, f func(*history.Op)) {
	for i := range ops {
		if ops[i].Index == v.Ops[c.Return].Index {
			f(&ops[i])
		}
	}
}

// around gives some of the calls, those that stand behind a place that is drawn.
func around(cs []history.Call, r *rand.Rand, most int) []history.Call {
	if len(cs) <= most {
		return cs
	}
	from := r.IntN(len(cs) - most + 1)
	return cs[from : from+most]
}

// Plant gives a read and some acknowledged adds before it, of which it lacks one.
func (counterChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	for _, key := range keysFrom(v, r) {
		reads := succeeded(v, key, "read")
		if len(reads) == 0 {
			continue
		}
		read := reads[len(reads)-1]
		adds := slices.DeleteFunc(succeeded(v, key, "add"), func(c history.Call) bool {
			d, _ := v.Inv(c).Value.Int()
			return d == 0 || c.Return >= read.Invoke
		})
		if adds = around(adds, r, planted); len(adds) == 0 {
			continue
		}
		lost, sum := r.IntN(len(adds)), int64(0)
		for i, c := range adds {
			if d, _ := v.Inv(c).Value.Int(); i != lost {
				sum += d
			}
		}
		ops := Excerpt(v, append(slices.Clone(adds), read))
		change(v, ops, read, func(o *history.Op) { o.Value = history.Int(sum) })
		return ops, true
	}
	return nil, false
}

// Plant gives some ids, two of which are made one.
func (uniqueIDsChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	for _, key := range keysFrom(v, r) {
		ids := around(succeeded(v, key, "generate"), r, planted)
		if len(ids) < 2 {
			continue
		}
		two := r.Perm(len(ids))[:2]
		ops := Excerpt(v, ids)
		change(v, ops, ids[two[0]], func(o *history.Op) { o.Value = v.Ops[ids[two[1]].Return].Value })
		return ops, true
	}
	return nil, false
}

// Plant gives some transfers and a read, which sees a little more money.
func (bankChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	for _, key := range keysFrom(v, r) {
		reads := succeeded(v, key, "read")
		if len(reads) == 0 {
			continue
		}
		read := reads[r.IntN(len(reads))]
		var p balances
		if !p.read(v.Ops[read.Return].Value) || len(p.list) == 0 {
			continue
		}
		more := map[string]int64{}
		for _, a := range p.list {
			more[a.name] = a.balance
		}
		more[p.list[r.IntN(len(p.list))].name] += 1 + r.Int64N(5)
		ops := Excerpt(v, append(slices.Clone(around(succeeded(v, key, "transfer"), r, planted)), read))
		change(v, ops, read, func(o *history.Op) { o.Value = history.Of(more) })
		return ops, true
	}
	return nil, false
}

// Plant gives a lock to a second client while the first one keeps it. Where something was written under a lock, so that
// two holders may be no violation, it gives two writes instead, of which the later one has the older token.
func (k lockChecker) Plant(v *history.View, r *rand.Rand) ([]history.Op, bool) {
	lost := lostProcesses(v)
	var locks []*lockHistory
	written := false
	for _, key := range keysFrom(v, r) {
		if l, reason := k.split(v, key, lost); reason == nil {
			locks = append(locks, l)
			written = written || len(l.writes) > 0
		}
	}
	for _, l := range locks {
		plant := l.plantHolder
		if written {
			plant = l.plantWrites
		}
		if ops, ok := plant(r); ok {
			return ops, true
		}
	}
	return nil, false
}

// plantHolder leaves out the release of the first of two holders.
func (l *lockHistory) plantHolder(r *rand.Rand) ([]history.Op, bool) {
	for n, from := 0, r.IntN(max(len(l.holds), 1)); n+1 < len(l.holds); n++ {
		i := (from + n) % (len(l.holds) - 1)
		a, b := l.holds[i], l.holds[i+1]
		if a.acquire.Worker == b.acquire.Worker {
			continue
		}
		calls := []history.Call{a.acquire, b.acquire}
		if b.end != nil && l.view.Inv(*b.end).F == "release" {
			calls = append(calls, *b.end)
		}
		return Excerpt(l.view, calls), true
	}
	return nil, false
}

// plantWrites gives a write the token of a later one, and that one the token of the first.
func (l *lockHistory) plantWrites(r *rand.Rand) ([]history.Op, bool) {
	for n, from := 0, r.IntN(max(len(l.writes), 1)); n+1 < len(l.writes); n++ {
		i := (from + n) % (len(l.writes) - 1)
		a, b := l.writes[i], l.writes[i+1]
		if a.token >= b.token || a.call.Return >= b.call.Invoke {
			continue
		}
		ops := Excerpt(l.view, []history.Call{a.call, b.call})
		for j := range ops {
			token := b.token
			if ops[j].Index >= l.view.Inv(b.call).Index {
				token = a.token
			}
			if _, value, ok := ops[j].Value.Pair(); ok {
				ops[j].Value = history.Pair(history.Int(token), value)
			}
		}
		return ops, true
	}
	return nil, false
}
