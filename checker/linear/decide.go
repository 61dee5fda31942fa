package linear

import (
	"context"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// The algorithms, as results name them.
const (
	byZones     = "zones"
	bySweep     = "sweep"
	byPorcupine = "porcupine"
	byRules     = "exact rules"
)

// Register is the checker of registers: each key is one, with read, write and cas.
func Register() checker.Spec {
	return checker.Spec{
		Name:    "linearizable-register",
		Doc:     "each key is one linearizable register with read, write and cas; --param initial=VALUE is what it holds before the first write (default null)",
		Checker: registerChecker{keyed{model: model{take: takeRegister}}},
	}
}

// CasRegister is Register under the name that Jepsen's users look for.
func CasRegister() checker.Spec {
	s := Register()
	s.Name, s.Doc = "linearizable-cas-register", "the same as linearizable-register"
	return s
}

// registerChecker can plant a lie, too.
type registerChecker struct{ keyed }

func takeRegister(v *history.View, key string, p history.Params, o options) (object, error) {
	r, err := newRegister(v, key, history.Value(p.String("initial", "")), o.mutation)
	if err != nil {
		return nil, err
	}
	return &registerKey{register: r, options: o}, nil
}

// registerKey is one key on its way to a verdict.
type registerKey struct {
	*register
	options
	proof   []op     // what is violated by itself; nil: all of it
	stuck   int      // the position behind which nothing is needed to see it, 0 for unknown
	finding *finding // by the rules
}

func (k *registerKey) operations() int { return len(k.ops) }

// decide asks zones, then the sweep, then porcupine; and the rules, which name what was found and may know where a search gave up.
func (k *registerKey) decide(ctx context.Context) decision {
	d := k.order(ctx)
	if d.answer == linearizable && k.only != byRules {
		return d
	}
	k.finding, d.stale = k.rules(k.mutation)
	switch {
	case k.finding == nil:
		d.name = "nonlinearizable"
	case d.answer == violated:
		d.name, d.since = k.finding.name, k.finding.since
	default:
		d = decision{answer: violated, by: byRules, name: k.finding.name, since: k.finding.since, stale: d.stale}
	}
	return d
}

// order looks for an order of the operations that explains them.
func (k *registerKey) order(ctx context.Context) decision {
	if k.only == byRules {
		return decision{answer: linearizable, by: byRules}
	}
	if ctx.Err() != nil {
		return decision{}
	}
	if k.only == "" || k.only == byZones {
		if proof, ok := zones(k.ops, len(k.values), k.mutation); ok {
			if k.proof = proof; proof != nil {
				return decision{answer: violated, by: byZones}
			}
			return decision{answer: linearizable, by: byZones}
		}
	}
	m := registerMachine(k.ops)
	a, by, stuck := explore(ctx, k.ops, m, k.options)
	if stuck >= 0 {
		k.stuck = int(k.ops[stuck].ret)
	}
	return decision{answer: a, by: by}
}

// explore asks the sweep, and porcupine when the sweep runs out of its budget. stuck is the operation at whose return the
// sweep had no explanation left, -1 for none.
func explore(ctx context.Context, ops []op, m *machine, o options) (a answer, by string, stuck int32) {
	if o.only != byPorcupine {
		if a, stuck = sweep(ctx, ops, m, sweepBudget(), o.mutation); a != gaveUp || o.only == bySweep {
			return a, bySweep, stuck
		}
	}
	if a = search(ctx, ops, m, keyBudget(), o.mutation); a == gaveUp {
		return a, "", -1
	}
	return a, byPorcupine, -1
}

// describe names the violation and shows a small proof of it.
func (k *registerKey) describe(ctx context.Context) checker.Anomaly {
	f := k.finding
	if f == nil {
		ops := k.ops
		if k.proof != nil {
			ops = k.proof
		}
		f = &finding{name: "nonlinearizable", ops: shrink(ctx, ops, len(k.values), k.stuck)}
	}
	return k.anomaly(*f)
}

// decideOps decides a part of a register.
func decideOps(ctx context.Context, ops []op, values int, w *work) answer {
	ops = dropUnseen(ops, values, intact)
	for i := range ops {
		ops[i].id = int32(i)
	}
	if proof, ok := zones(ops, values, intact); ok {
		if proof != nil {
			return violated
		}
		return linearizable
	}
	a, _ := sweep(ctx, ops, registerMachine(ops), w, intact)
	return a
}
