package linear

import (
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

// Budgets of one key: about 10 s and 256 MiB at the worst.
func keyBudget() *work { return &work{steps: 100_000_000, bytes: 256 << 20} }

// memo is what one entry of porcupine's memo costs beside its bit set.
const memo = 120

// search looks for an order of the operations that explains them all. It takes what it spends from w.
func search(ctx context.Context, ops []op, w *work, m mutation) answer {
	type edge struct {
		pos int
		ret bool
		op  int
	}
	edges := make([]edge, 0, 2*len(ops))
	var top int32
	for i, o := range ops {
		edges = append(edges, edge{pos: o.inv, op: i}, edge{pos: o.ret, ret: true, op: i})
		top = max(top, o.from, o.to)
	}
	slices.SortFunc(edges, func(a, b edge) int {
		switch {
		case a.pos < b.pos:
			return -1
		case a.pos > b.pos:
			return 1
		}
		return a.op - b.op // only the pending ones share a place, at the end
	})
	events := make([]porcupine.Event, len(edges))
	for i, e := range edges {
		events[i] = porcupine.Event{Kind: porcupine.EventKind(e.ret), Id: e.op, Value: &ops[e.op]}
	}
	states := make([]any, top+1) // boxed once
	for i := range states {
		states[i] = int32(i)
	}
	entry := int64(memo + len(ops)/8)
	stopped, mustHappen := false, m == pendingMustHappen
	model := porcupine.Model{
		Init: func() any { return states[initialID] },
		StepContext: func(_ context.Context, state, input, _ any) (bool, any) {
			w.steps--
			if stopped || w.steps < 0 || w.bytes < 0 || w.steps%1024 == 0 && ctx.Err() != nil {
				stopped = true // from here on nothing is possible, and the search unwinds
				return false, state
			}
			o := input.(*op)
			if o.from != none && state.(int32) != o.from {
				return o.pending() && !mustHappen, state // what may never have happened may be passed over
			}
			w.bytes -= entry
			if o.to == none {
				return true, state
			}
			return true, states[o.to]
		},
		Hash: func(state any) uint64 { return uint64(state.(int32)) * 0x9e3779b97f4a7c15 },
	}
	if ctx.Err() != nil {
		return gaveUp
	}
	switch porcupine.CheckEventsTimeout(model, events, 0) {
	case porcupine.Ok:
		return linearizable
	case porcupine.Illegal:
		if !stopped {
			return violated
		}
	}
	return gaveUp
}
