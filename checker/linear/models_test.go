package linear

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// outcome is one way in which an operation can go: what it answers, and the state that it leaves.
type outcome struct {
	answer history.Value
	state  string
}

// specimen is a model written down a second time, as plainly as can be: a state is a text, and an operation gives all its
// outcomes in it, none when it is refused. It shares nothing with the checkers.
type specimen struct {
	name    string
	model   model
	initial string
	ask     func(r *rand.Rand, value func() string) (f string, arg history.Value)
	do      func(state, f string, arg history.Value) []outcome
	spoil   func(r *rand.Rand, f string, answer history.Value, value func() string) history.Value
	params  history.Params
}

func elements(state string) []string {
	if state == "" {
		return nil
	}
	return strings.Split(state, " ")
}

func containerSpecimen(name string, by order) specimen {
	names := containerNames[by]
	return specimen{
		name: name, model: takeContainer(by),
		ask: func(r *rand.Rand, value func() string) (string, history.Value) {
			if r.IntN(2) == 0 {
				return names.put[0], history.Value(value())
			}
			return names.take[0], ""
		},
		do: func(state, f string, arg history.Value) []outcome {
			in := elements(state)
			if f == names.put[0] {
				in = append(in, string(arg))
				return []outcome{{"", strings.Join(in, " ")}}
			}
			if len(in) == 0 {
				return []outcome{{"", state}}
			}
			var out []outcome
			for i, x := range in {
				ok := true
				switch by {
				case oldestFirst:
					ok = i == 0
				case newestFirst:
					ok = i == len(in)-1
				case smallestFirst:
					for _, y := range in {
						a, _ := strconv.Atoi(x)
						b, _ := strconv.Atoi(y)
						ok = ok && a <= b
					}
				}
				if ok {
					out = append(out, outcome{history.Value(x), strings.Join(slices.Delete(slices.Clone(in), i, i+1), " ")})
				}
			}
			return out
		},
		spoil: func(r *rand.Rand, f string, answer history.Value, value func() string) history.Value {
			switch {
			case f == names.put[0]:
				return answer
			case r.IntN(3) == 0:
				return ""
			}
			return history.Value(value())
		},
	}
}

// specimens are all the models.
func specimens() []specimen {
	return []specimen{
		containerSpecimen("fifo-queue", oldestFirst),
		containerSpecimen("unordered-queue", anyElement),
		containerSpecimen("stack", newestFirst),
		containerSpecimen("priority-queue", smallestFirst),
		{
			name: "set", model: Set().Checker.(keyed).model,
			ask: func(r *rand.Rand, value func() string) (string, history.Value) {
				if r.IntN(2) == 0 {
					return "add", history.Value(value())
				}
				return "read", ""
			},
			do: func(state, f string, arg history.Value) []outcome {
				in := elements(state)
				if f == "add" {
					in = append(in, string(arg))
					slices.Sort(in)
					return []outcome{{"", strings.Join(slices.Compact(in), " ")}}
				}
				return []outcome{{history.Value("[" + strings.Join(in, ",") + "]"), state}}
			},
			spoil: func(r *rand.Rand, f string, answer history.Value, value func() string) history.Value {
				if f == "add" {
					return answer
				}
				in, _ := answer.List()
				if len(in) > 0 && r.IntN(2) == 0 {
					i := r.IntN(len(in))
					return history.List(slices.Delete(in, i, i+1)...)
				}
				in = append(in, history.Value(value()))
				slices.Sort(in)
				return history.List(slices.Compact(in)...)
			},
		},
		{
			name: "counter", model: Counter().Checker.(keyed).model, initial: "3", params: history.Params{"initial": "3"},
			ask: func(r *rand.Rand, value func() string) (string, history.Value) {
				if r.IntN(2) == 0 {
					n, _ := strconv.Atoi(value())
					return "add", history.Int(int64(n%4 - 1))
				}
				return "read", ""
			},
			do: func(state, f string, arg history.Value) []outcome {
				if f == "read" {
					return []outcome{{history.Value(state), state}}
				}
				a, _ := strconv.Atoi(state)
				b, _ := strconv.Atoi(string(arg))
				return []outcome{{"", strconv.Itoa(a + b)}}
			},
			spoil: func(r *rand.Rand, f string, answer history.Value, _ func() string) history.Value {
				if f == "add" {
					return answer
				}
				n, _ := answer.Int()
				return history.Int(n + int64(r.IntN(5)) - 2)
			},
		},
		{
			name: "mutex", model: Mutex().Checker.(keyed).model, initial: "free",
			ask: func(r *rand.Rand, _ func() string) (string, history.Value) {
				return []string{"acquire", "release"}[r.IntN(2)], ""
			},
			do: func(state, f string, _ history.Value) []outcome {
				switch {
				case f == "acquire" && state == "free":
					return []outcome{{"", "held"}}
				case f == "release" && state == "held":
					return []outcome{{"", "free"}}
				}
				return nil
			},
			spoil: func(_ *rand.Rand, _ string, answer history.Value, _ func() string) history.Value { return answer },
		},
		{
			name: "multi-register", model: MultiRegister().Checker.(keyed).model, initial: "0 0", params: history.Params{"initial": `{"x":0,"y":0}`},
			ask: func(r *rand.Rand, value func() string) (string, history.Value) {
				var mops []history.Mop
				for range 1 + r.IntN(2) {
					m := history.Mop{F: "r", Key: []string{"x", "y"}[r.IntN(2)]}
					if r.IntN(2) == 0 {
						m.F, m.Value = "w", history.Value(value())
					}
					mops = append(mops, m)
				}
				return "txn", history.Txn(mops)
			},
			do: func(state, _ string, arg history.Value) []outcome {
				in := elements(state)
				mops, _ := arg.Txn()
				for i, m := range mops {
					at := int(m.Key[0] - 'x')
					if m.F == "w" {
						in[at] = string(m.Value)
					}
					mops[i].Value = history.Value(in[at])
				}
				return []outcome{{history.Txn(mops), strings.Join(in, " ")}}
			},
			spoil: func(r *rand.Rand, _ string, answer history.Value, value func() string) history.Value {
				mops, _ := answer.Txn()
				if i := r.IntN(len(mops)); mops[i].F == "r" {
					mops[i].Value = history.Value(value())
				}
				return history.Txn(mops)
			},
		},
		{
			name: "register", model: model{take: takeRegister}, initial: "", params: nil,
			ask: func(r *rand.Rand, value func() string) (string, history.Value) {
				switch r.IntN(3) {
				case 0:
					return "write", history.Value(value())
				case 1:
					return "cas", history.Pair(history.Value(value()), history.Value(value()))
				}
				return "read", ""
			},
			do: func(state, f string, arg history.Value) []outcome {
				switch f {
				case "write":
					return []outcome{{"", string(arg)}}
				case "cas":
					from, to, _ := arg.Pair()
					if string(from) != state {
						return nil
					}
					return []outcome{{"", string(to)}}
				}
				return []outcome{{history.Value(state), state}}
			},
			spoil: func(r *rand.Rand, f string, answer history.Value, value func() string) history.Value {
				if f == "read" {
					return history.Value(value())
				}
				return answer
			},
		},
	}
}

// random lets a few clients work on one or two real objects. Effects happen at a random moment between call and return; those of
// an unknown operation before its info event, after it, or never. Then some answers are spoilt.
func (s specimen) random(r *rand.Rand) []history.Op {
	type running struct {
		inv     history.Op
		outcome history.Type
		effect  bool // still to come
		answer  history.Value
		refused bool
		closed  bool
	}
	var (
		ops      []history.Op
		active   []*running
		process  int32
		left     = 2 + r.IntN(7)
		keys     = 1 + r.IntN(4)/3
		spoil    = r.IntN(3) > 0
		pendings = 1 + r.IntN(4)
		state    = map[string]string{"k0": s.initial, "k1": s.initial}
		emit     = func(o history.Op) { o.Index = int64(len(ops)); ops = append(ops, o) }
		top      = 1 + r.IntN(4)
		distinct = r.IntN(2) == 0
		order    = r.Perm(20)
		fresh    = 0
	)
	// Distinct: mostly a value that was not there yet when something is put, any of them otherwise.
	value := func() string { return strconv.Itoa(r.IntN(top)) }
	put := value
	if distinct {
		put = func() string {
			fresh++
			return strconv.Itoa(order[(fresh-1)%len(order)])
		}
		value = func() string { return strconv.Itoa(order[r.IntN(max(fresh, 1))]) }
	}
	pick := func(f func(*running) bool) *running {
		n := r.IntN(len(active) + 1)
		for i := range active {
			if a := active[(i+n)%len(active)]; f(a) {
				return a
			}
		}
		return nil
	}
	for range 250 {
		switch r.IntN(3) {
		case 0:
			if left == 0 {
				continue
			}
			left--
			o := history.Op{Process: process, Type: history.Invoke, Node: "n" + strconv.Itoa(1+int(process)%3), Key: "k" + strconv.Itoa(r.IntN(keys))}
			process++
			o.F, o.Value = s.ask(r, put)
			a := &running{inv: o, outcome: history.OK, effect: true}
			switch k := r.IntN(12); {
			case k == 0:
				a.outcome, a.effect = history.Fail, false
			case k <= pendings:
				a.outcome, a.effect = history.Info, r.IntN(3) > 0
			}
			emit(o)
			active = append(active, a)
		case 1:
			a := pick(func(a *running) bool { return a.effect })
			if a == nil {
				continue
			}
			all := s.do(state[a.inv.Key], a.inv.F, a.inv.Value)
			a.effect = false
			if a.refused = len(all) == 0; !a.refused {
				o := all[r.IntN(len(all))]
				a.answer, state[a.inv.Key] = o.answer, o.state
			}
		case 2:
			a := pick(func(a *running) bool { return !a.closed && (!a.effect || a.outcome == history.Info) })
			if a == nil {
				continue
			}
			a.closed = true
			done := a.inv
			done.Type = a.outcome
			if a.refused && done.Type == history.OK && (!spoil || r.IntN(4) > 0) {
				done.Type = history.Fail
			}
			if done.Type == history.OK {
				done.Value = a.answer
				if spoil && r.IntN(3) == 0 {
					done.Value = s.spoil(r, done.F, a.answer, value)
				}
			}
			if done.Type != history.Info || r.IntN(3) > 0 { // else the history ends before it
				emit(done)
			}
		}
	}
	return ops
}

// explains tries every order of the calls of one key, and every choice of which unknown ones happened.
func (s specimen) explains(v *history.View, key string) bool {
	type call struct {
		history.Call
		end  int
		must bool
	}
	var calls []call
	all := 0 // those that must have happened
	for _, ci := range v.CallsOf(key) {
		switch c := v.Calls[ci]; c.Type {
		case history.OK:
			all |= 1 << len(calls)
			calls = append(calls, call{c, c.Return, true})
		case history.Info:
			calls = append(calls, call{c, len(v.Ops), false})
		}
	}
	tried := map[string]bool{}
	var try func(done int, state string) bool
	try = func(done int, state string) bool {
		if done&all == all {
			return true
		}
		id := strconv.Itoa(done) + "/" + state
		if tried[id] {
			return false
		}
		tried[id] = true
	next:
		for i, c := range calls {
			if done&(1<<i) != 0 {
				continue
			}
			for j, d := range calls {
				if done&(1<<j) == 0 && i != j && d.must && d.end < c.Invoke {
					continue next // d has to be first
				}
			}
			inv := v.Inv(c.Call)
			for _, o := range s.do(state, inv.F, inv.Value) {
				if c.must && checker.Canonical(o.answer) != checker.Canonical(v.Ops[c.Return].Value) {
					continue
				}
				if try(done|1<<i, o.state) {
					return true
				}
			}
		}
		return false
	}
	return try(0, s.initial)
}

func (s specimen) check(v *history.View, o options) checker.Result {
	return keyed{model: s.model, options: o}.Check(context.Background(), checker.Input{History: v, Params: s.params})
}
