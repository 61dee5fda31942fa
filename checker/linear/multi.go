package linear

import (
	"fmt"
	"maps"
	"slices"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// MultiRegister is the checker of transactions over several registers, each of which takes effect in one moment.
func MultiRegister() checker.Spec {
	return checker.Spec{
		Name: "linearizable-multi-register",
		Doc:  `several registers that transactions read and write together, in one moment: txn [["r","x",1],["w","y",2]]; --param initial={"x":0,"y":0} is what they hold first (default null)`,
		Checker: keyed{model: model{take: func(v *history.View, key string, p history.Params, o options) (object, error) {
			return newMulti(v, key, p, o)
		}}},
	}
}

// multiOp is one step of a transaction. A read of an unknown answer is left out.
type multiOp struct {
	register int
	value    int32
	write    bool
}

// newMulti takes the transactions of one key apart. The effect of a transaction is interned, and what an op sees.
func newMulti(v *history.View, key string, p history.Params, o options) (*steps, error) {
	s := &steps{options: o, view: v, object: "group of registers"}
	calls := v.CallsOf(key)
	in := interner{ops: len(calls)}
	in.id("")
	registers := map[string]int{}
	register := func(name string) int {
		n, ok := registers[name]
		if !ok {
			n = len(registers)
			registers[name] = n
		}
		return n
	}
	initial := map[string]history.Value{}
	if text := p.String("initial", ""); text != "" {
		if err := history.Value(text).Decode(&initial); err != nil {
			return nil, fmt.Errorf(`parameter initial=%s: expected an object such as {"x":0,"y":0}: %w`, text, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(initial)) {
		register(name)
	}
	var effects [][]multiOp
	ids := map[string]int32{}
	for _, ci := range calls {
		c := &v.Calls[ci]
		inv := &v.Ops[c.Invoke]
		x := op{call: int32(ci), inv: int32(c.Invoke), ret: never, to: none}
		at, value := inv, inv.Value
		if c.Type == history.OK {
			x.ret = int32(c.Return)
			at = &v.Ops[c.Return]
			value = at.Value
		}
		mops, ok := value.Txn()
		switch {
		case inv.F != "txn":
			return nil, &checker.Malformed{Index: inv.Index, Text: fmt.Sprintf("key %q has an operation %q: a group of registers has txn", key, inv.F)}
		case !ok:
			return nil, &checker.Malformed{Index: at.Index, Text: fmt.Sprintf(`a txn has the value %s: expected [["r","x",1],["w","y",2]]`, checker.Show(value))}
		case c.Type == history.Fail, c.Type == history.Info && o.mutation == infoNeverHappened:
			continue
		}
		var effect []multiOp
		text := ""
		for _, m := range mops {
			step := multiOp{register: register(m.Key), value: in.id(m.Value)}
			switch m.F {
			case "w", "write":
				step.write = true
			case "r", "read":
				if c.Type != history.OK {
					continue
				}
			default:
				return nil, &checker.Malformed{Index: at.Index, Text: fmt.Sprintf("a txn has the operation %q: expected r or w", m.F)}
			}
			effect = append(effect, step)
			text += fmt.Sprint(step)
		}
		if len(effect) == 0 {
			continue // nothing is known of it, and it changes nothing
		}
		if x.from, ok = ids[text]; !ok {
			x.from = int32(len(effects))
			ids[text] = x.from
			effects = append(effects, effect)
		}
		s.ops = append(s.ops, x)
	}
	begin := make([]int32, len(registers))
	for name, value := range initial {
		begin[registers[name]] = in.id(value)
	}
	s.machine = func(ops []op) *machine {
		st := newStates()
		m := &machine{start: st.id(begin), spent: func() int64 { return st.bytes }}
		from, _ := classes(ops, m)
		m.inert = make([]bool, m.size)
		for k := range from {
			m.inert[k] = !slices.ContainsFunc(effects[from[k]], func(step multiOp) bool { return step.write })
		}
		m.next = func(dst []int32, state, class int32) []int32 {
			return st.next(dst, state, class, func(seq []int32) [][]int32 {
				after := slices.Clone(seq)
				for _, step := range effects[from[class]] {
					switch {
					case step.write:
						after[step.register] = step.value
					case after[step.register] != step.value:
						return nil
					}
				}
				return [][]int32{after}
			})
		}
		return m
	}
	return s, nil
}
