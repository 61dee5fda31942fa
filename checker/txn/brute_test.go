package txn

import (
	"slices"

	"github.com/partita-dev/partita/history"
)

// btx is a transaction as the definitions see it. It shares nothing with the checker but the meaning of the words.
type btx struct {
	inv, ret int
	must     bool // it happened; else it may have
	mops     []history.Mop
}

func bruteTxns(v *history.View) []btx {
	var out []btx
	for _, c := range v.Calls {
		switch c.Type {
		case history.OK:
			m, _ := v.Ops[c.Return].Value.Txn()
			out = append(out, btx{c.Invoke, c.Return, true, m})
		case history.Info:
			m, _ := v.Inv(c).Value.Txn()
			out = append(out, btx{c.Invoke, len(v.Ops), false, m})
		}
	}
	return out
}

// world is the contents of a database: the text of each key.
type world map[string]string

func (w world) clone() world {
	out := make(world, len(w))
	for k, v := range w {
		out[k] = v
	}
	return out
}

// run lets a transaction work on w; false when it answered something else than what is there.
func (t btx) run(w world) bool {
	for _, m := range t.mops {
		switch m.F {
		case "append":
			if w[m.Key] == "" {
				w[m.Key] = "[" + string(m.Value) + "]"
			} else {
				w[m.Key] = w[m.Key][:len(w[m.Key])-1] + "," + string(m.Value) + "]"
			}
		case "w":
			w[m.Key] = string(m.Value)
		default:
			have, saw := w[m.Key], string(m.Value)
			if saw == "[]" {
				saw = ""
			}
			if t.must && have != saw {
				return false
			}
		}
	}
	return true
}

// serial tries every order of transactions, in real time or not, and every choice of which unknown ones happened.
func serial(ts []btx, inTime bool) bool {
	var try func(done int, w world) bool
	try = func(done int, w world) bool {
		all := true
		for i, t := range ts {
			all = all && (done&(1<<i) != 0 || !t.must)
		}
		if all {
			return true
		}
	next:
		for i, t := range ts {
			if done&(1<<i) != 0 {
				continue
			}
			for j, o := range ts {
				if inTime && done&(1<<j) == 0 && o.must && o.ret < t.inv {
					continue next
				}
			}
			after := w.clone()
			if t.run(after) && try(done|1<<i, after) {
				return true
			}
		}
		return false
	}
	return try(0, world{})
}

// snapshots tries every order of begins and commits: a transaction reads what was committed when it began and what it did
// itself, and of two that write one key, one must have committed before the other began (Berenson et al., SIGMOD 1995).
func snapshots(ts []btx) bool {
	type open struct {
		snapshot world
		wrote    []string // keys that others committed since it began
	}
	var try func(done int, opened map[int]open, w world) bool
	try = func(done int, opened map[int]open, w world) bool {
		all := true
		for i, t := range ts {
			all = all && (done&(1<<i) != 0 || !t.must)
		}
		if all {
			return true
		}
		for i, t := range ts {
			if done&(1<<i) != 0 {
				continue
			}
			o, isOpen := opened[i]
			if !isOpen {
				begun := map[int]open{i: {snapshot: w.clone()}}
				for j, p := range opened {
					begun[j] = p
				}
				if t.run(w.clone()) && try(done, begun, w) {
					return true
				}
				continue
			}
			conflict := slices.ContainsFunc(t.mops, func(m history.Mop) bool { return m.F != "r" && slices.Contains(o.wrote, m.Key) })
			if conflict {
				continue
			}
			mine, after, rest := o.snapshot.clone(), w.clone(), map[int]open{}
			t.run(mine)
			var wrote []string
			for _, m := range t.mops {
				if m.F != "r" {
					wrote = append(wrote, m.Key)
					after[m.Key] = mine[m.Key]
				}
			}
			for j, p := range opened {
				if j != i {
					rest[j] = open{p.snapshot, append(slices.Clone(p.wrote), wrote...)}
				}
			}
			if try(done|1<<i, rest, after) {
				return true
			}
		}
		return false
	}
	return try(0, map[int]open{}, world{})
}
