package linear

import (
	"cmp"
	"context"
	"slices"

	"github.com/anishathalye/porcupine"
)

// answer is what a search says.
type answer int

const (
	gaveUp answer = iota
	linearizable
	violated
)

// work is what a search may still spend. It is counted, not timed, so that the answer depends on nothing but the history.
type work struct {
	steps int64 // transitions tried
	bytes int64 // memory of the memo, estimated
}

// sweepBudget is what the sweep may spend on one key: about 2 s at the worst.
func sweepBudget() *work { return &work{steps: 200_000_000, bytes: 64 << 20} }

// keyBudget is what porcupine may spend on one key: about 10 s at the worst.
func keyBudget() *work { return &work{steps: 100_000_000, bytes: 256 << 20} }

// memo is what one entry of porcupine's memo costs beside its bit set.
const memo = 120

// search looks for an order of the operations that explains them all, with porcupine: Wing & Gong's search, with the memo of
// Lowe. It takes what it spends from w.
func search(ctx context.Context, ops []op, m *machine, w *work, mut mutation) answer {
	if ctx.Err() != nil {
		return gaveUp
	}
	entry := int64(memo + len(ops)/8)
	stopped := false
	step := func(state, input, _ any) []any {
		w.steps--
		if stopped || w.steps < 0 || w.bytes < 0 || w.steps%1024 == 0 && ctx.Err() != nil {
			stopped = true // from here on nothing is possible, and the search unwinds
			return nil
		}
		i := input.(int)
		states := m.next(nil, state.(int32), m.class[i])
		out := make([]any, 0, 1)
		for _, s := range states {
			out = append(out, s)
		}
		w.bytes -= entry * int64(len(out))
		if len(out) == 0 && ops[i].pending() && mut != pendingMustHappen {
			out = append(out, state) // what may never have happened may be passed over
		}
		return out
	}
	model := porcupine.Model{
		Init: func() any { return m.start },
		Step: func(state, input, output any) (bool, any) {
			if out := step(state, input, output); len(out) > 0 {
				return true, out[0]
			}
			return false, state
		},
		Hash: func(state any) uint64 { return uint64(state.(int32)) * 0x9e3779b97f4a7c15 },
	}
	if m.many {
		model = (&porcupine.NondeterministicModel{Init: func() []any { return []any{m.start} }, Step: step}).ToModel()
	}
	switch porcupine.CheckEventsTimeout(model, events(ops), 0) {
	case porcupine.Ok:
		return linearizable
	case porcupine.Illegal:
		if !stopped {
			return violated
		}
	}
	return gaveUp
}

// events are the calls and returns of operations for porcupine, those of pending ones at the end.
func events(ops []op) []porcupine.Event {
	type edge struct {
		pos int32
		ret bool
		op  int
	}
	edges := make([]edge, 0, 2*len(ops))
	for i, o := range ops {
		edges = append(edges, edge{pos: o.inv, op: i}, edge{pos: o.ret, ret: true, op: i})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.pos, b.pos), a.op-b.op) // only the pending ones share a place, at the end
	})
	out := make([]porcupine.Event, len(edges))
	for i, e := range edges {
		out[i] = porcupine.Event{Kind: porcupine.EventKind(e.ret), Id: e.op, Value: e.op}
	}
	return out
}
