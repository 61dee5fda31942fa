package workloads

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// maxPending is how many writes of unknown end one key may have: each stays open to the end of the history, and
// doubles the work of checking it.
const maxPending = 3

// keysPerRound is how many registers there are for each client of a node. With fewer, fast clients use a register up
// within a fraction of a second, and nobody would see what becomes of a write that a cut held back.
const keysPerRound = 4

// Register is the workload of single registers: reads, writes of unique values, and compare-and-set from the value
// that is believed to be there.
func Register() Workload {
	return Workload{
		Name:   "register",
		Doc:    "reads, writes and compare-and-set of single registers; each register must behave as if there were one copy of it (linearizability)",
		Object: "register",
		Ops:    []string{"read", "write", "cas"},
		Flags:  registerFlags,
		Build:  func(o Options) (Built, error) { return buildRegister(o, false) },
	}
}

// Deletes is the workload of single registers that are deleted too: a third of the writes are deletes, after which a
// register is as if it had never been written.
func Deletes() Workload {
	return Workload{
		Name:   "deletes",
		Doc:    "reads, writes, compare-and-set and deletes of single registers; what was deleted must not come back (linearizability)",
		Object: "register",
		Ops:    []string{"read", "write", "cas", "delete"},
		Flags:  registerFlags,
		Build:  func(o Options) (Built, error) { return buildRegister(o, true) },
	}
}

func registerFlags(f *pflag.FlagSet) {
	f.Int("keys", 0, "registers in use at once; 0: four for each client of a node")
	f.Int("ops-per-key", 300, "operations on a register before a new one takes its place; longer is slower to check")
}

func buildRegister(o Options, deletes bool) (Built, error) {
	inPlay, err := o.Params.Int("keys", 0)
	if err != nil {
		return Built{}, err
	}
	ops, err := o.Params.Int("ops-per-key", 300)
	if err != nil {
		return Built{}, err
	}
	if inPlay < 0 || ops < 1 {
		return Built{}, fmt.Errorf("keys=%d, ops-per-key=%d: expected 0 or more keys and 1 or more operations", inPlay, ops)
	}
	if inPlay == 0 {
		inPlay = keysPerRound * max(o.Workers/max(len(o.Nodes), 1), 1)
	}
	keys := NewIndependent(Keys{
		Prefix: o.RunID, InPlay: inPlay, Ops: ops, Pending: maxPending, Nodes: len(o.Nodes),
		New:    func(string) Generator { return &register{deletes: deletes, sent: map[int32]history.Value{}} },
		Effect: func(op history.Op) bool { return op.F != "read" },
	})
	return Built{
		Main: Rate(o.Rate, keys),
		// What the last registers hold, as each node sees it after healing.
		Final: TimeLimit(20*time.Second, Lazy(func() Generator {
			var reads []Generator
			for _, key := range keys.InPlay() {
				reads = append(reads, onEachNode(o, history.Op{F: "read", Key: key}))
			}
			return Any(reads...)
		})),
		Checkers: []string{"linearizable-register", "stats", "recovery", "coverage"},
	}, nil
}

// onEachNode emits op by a client of every node that has one, for each node until it is ok, half a second apart.
func onEachNode(o Options, op history.Op) Generator {
	var gs []Generator
	for _, n := range o.Nodes[:min(len(o.Nodes), o.Workers)] {
		gs = append(gs, OnNode(n, UntilOK(Delay(500*time.Millisecond, Repeat(op)))))
	}
	return Any(gs...)
}

// register is the generator of one register. It believes that the value which was acknowledged last is there.
type register struct {
	deletes bool
	current history.Value
	sent    map[int32]history.Value // arguments of the operations under way
}

func (r *register) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op := history.Op{Process: process}
	draw := c.Draw(w, c.Count(w))
	switch kind := draw % 4; {
	case c.Reads || kind < 2:
		op.F = "read"
	case kind == 2 && !r.current.IsNil():
		op.F, op.Value = "cas", history.Pair(r.current, history.Int(c.Unique(w)))
	case r.deletes && draw>>2%3 == 0:
		op.F = "delete"
	default:
		op.F, op.Value = "write", history.Int(c.Unique(w))
	}
	return op, c.Now, Ready
}

func (r *register) Update(_ *Ctx, op history.Op) {
	if op.Type == history.Invoke {
		r.sent[op.Process] = op.Value
		return
	}
	sent := r.sent[op.Process]
	delete(r.sent, op.Process)
	switch {
	case op.Type != history.OK:
	case op.F == "read":
		r.current = op.Value
	case op.F == "write" || op.F == "delete":
		r.current = sent
	case op.F == "cas":
		_, r.current, _ = sent.Pair()
	}
}
