package checker

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/partita-dev/partita/history"
)

// setup is a run that tested nothing, or not what its plan says.
type setup struct {
	name  string
	rule  rule   // what it breaks, at least
	says  string // part of the reason
	build func(*scene)
}

// only leaves out what keep does not want.
func only(keep func(i int, node string) bool, c client) client {
	return func(i int, node string) (string, string, history.Type) {
		if !keep(i, node) {
			return "", "", 0
		}
		return c(i, node)
	}
}

// all does the same operation always.
func all(f string, typ history.Type) client {
	return func(int, string) (string, string, history.Type) { return f, "k", typ }
}

// but changes what a client does.
func but(c client, change func(i int, node string, f, key *string, typ *history.Type)) client {
	return func(i int, node string) (string, string, history.Type) {
		f, k, typ := c(i, node)
		change(i, node, &f, &k, &typ)
		return f, k, typ
	}
}

// on changes what is done through one node.
func on(node string, c client, change func(f, key *string, typ *history.Type)) client {
	return but(c, func(_ int, n string, f, key *string, typ *history.Type) {
		if n == node {
			change(f, key, typ)
		}
	})
}

// whole is a run with one window.
func whole(warm, in, fin client, change func(*history.Window)) func(*scene) {
	return func(s *scene) {
		s.phase(100, warm)
		s.window(40, in, change)
		s.final(2, fin)
	}
}

// calm is a run without faults: n rounds and a final phase.
func calm(n int, c, fin client) func(*scene) {
	return func(s *scene) {
		s.plan.Faults = nil
		s.phase(n, c)
		s.final(1, fin)
	}
}

// nodeFault makes a window one of nodes, not of the network between them.
func nodeFault(harmed ...string) func(*history.Window) {
	return func(w *history.Window) { w.Harmed, w.Sides = harmed, nil }
}

func nobody(int, string) (string, string, history.Type) { return "", "", 0 }

// failing is what clients do against a database that is not there: reads fail, and nobody knows of the rest.
var failing = but(busy, func(_ int, _ string, f, _ *string, typ *history.Type) {
	if *typ = history.Info; *f == "read" {
		*typ = history.Fail
	}
})

// twoKeys writes to one key and reads another.
func twoKeys(c client) client {
	return but(c, func(_ int, _ string, f, key *string, _ *history.Type) { *key = "of " + *f })
}

func adds(read client) client {
	return func(i int, n string) (string, string, history.Type) {
		if f, k, typ := read(i, n); f != "" {
			return f, k, typ
		}
		_, _, typ := cutOff(i, n)
		return "add", "k", typ
	}
}

// vacuous lists the set-ups. None of them may be called valid.
func vacuous() []setup {
	isWrite := func(c client) client {
		return but(c, func(_ int, _ string, f, _ *string, _ *history.Type) { *f = "write" })
	}
	n1 := func(_ int, n string) bool { return n == "n1" }
	notN1 := func(_ int, n string) bool { return n != "n1" }
	return []setup{
		// Nothing is done, or nothing works.
		{"no traffic at all", ruleSide, "needed", whole(nobody, nobody, nobody, nil)},
		{"wrong port: every operation fails", ruleRate, "before the first fault", whole(all("write", history.Fail), all("write", history.Fail), all("write", history.Fail), nil)},
		{"every operation times out", ruleRate, "before the first fault", whole(failing, failing, failing, nil)},
		{"wrong password: reads work, writes are refused", ruleEffectOK, "changes anything", func(s *scene) {
			c := but(busy, func(_ int, _ string, f, _ *string, typ *history.Type) {
				if *f == "write" {
					*typ = history.Fail
				}
			})
			whole(c, c, c, nil)(s)
		}},
		{"writes are never answered", ruleEffectOK, "changes anything", func(s *scene) {
			c := but(busy, func(_ int, _ string, f, _ *string, typ *history.Type) {
				if *f == "write" {
					*typ = history.Info
				}
			})
			whole(c, c, c, nil)(s)
		}},
		{"reads always fail", ruleReadOK, "no read succeeded", func(s *scene) {
			c := but(busy, func(_ int, _ string, f, _ *string, typ *history.Type) {
				if *f == "read" {
					*typ = history.Fail
				}
			})
			whole(c, c, c, nil)(s)
		}},
		{"only reads", ruleSideEffect, "changes data", whole(all("read", history.OK), all("read", history.OK), all("read", history.OK), nil)},
		{"only writes", ruleSideRead, "no read", whole(all("write", history.OK), all("write", history.OK), all("write", history.OK), nil)},
		{"only watches", ruleEffectOK, "changes anything", whole(all("watch", history.OK), all("watch", history.OK), all("watch", history.OK), nil)},
		{"transactions that only read", ruleEffectOK, "changes anything", func(s *scene) {
			whole(all("txn", history.OK), all("txn", history.OK), all("txn", history.OK), nil)(s)
			for i := range s.ops {
				s.ops[i].Value = `[["r","x",null]]`
			}
		}},
		{"transactions that only write", ruleReadOK, "no read", func(s *scene) {
			whole(all("txn", history.OK), all("txn", history.OK), all("txn", history.OK), nil)(s)
			for i := range s.ops {
				s.ops[i].Value = `[["w","x",1]]`
			}
		}},
		{"the clients died before the fault", ruleSide, "0 operations through n1", whole(busy, nobody, busy, nil)},
		{"database down from the fault on", ruleInside, "nothing succeeded anywhere", whole(busy, all("write", history.Info), all("read", history.Fail), nil)},
		{"database down while the fault lasts", ruleInside, "nothing succeeded anywhere", whole(busy, failing, busy, nil)},

		// Clients miss the fault.
		{"no client on the cut side", ruleSide, "0 operations through n1", whole(busy, only(notN1, cutOff), busy, nil)},
		{"no client on the big side", ruleSide, "0 operations through n2+n3", whole(busy, only(n1, cutOff), busy, nil)},
		{"too few on the cut side", ruleSide, "19 operations through n1", whole(busy, only(func(i int, n string) bool { return n != "n1" || i < 19 }, cutOff), busy, nil)},
		{"too few on the big side", ruleSide, "19 operations through n2+n3", whole(busy, only(func(i int, n string) bool { return n == "n1" || n == "n2" && i < 19 }, cutOff), busy, nil)},
		{"every client talks to one node only", ruleSide, "0 operations through n2+n3", whole(only(n1, busy), only(n1, busy), only(n1, busy), nil)},
		{"clients' nodes are not known", ruleSide, "0 operations through n1", func(s *scene) {
			whole(busy, cutOff, busy, nil)(s)
			for i := range s.ops {
				s.ops[i].Node = ""
			}
		}},
		{"clients talk to nodes that are not of the cluster", ruleSide, "0 operations through n1", func(s *scene) {
			whole(busy, cutOff, busy, nil)(s)
			for i := range s.ops {
				s.ops[i].Node += ".example"
			}
		}},
		{"no effects on the cut side", ruleSideEffect, "nothing that changes data through n1", whole(busy, on("n1", cutOff, func(f, _ *string, _ *history.Type) { *f = "read" }), busy, nil)},
		{"no effects on the big side", ruleSideEffect, "nothing that changes data through n2+n3", whole(busy, but(cutOff, func(_ int, n string, f, _ *string, _ *history.Type) {
			if n != "n1" {
				*f = "read"
			}
		}), busy, nil)},
		{"no reads on the cut side", ruleSideRead, "no read through n1", whole(busy, on("n1", cutOff, func(f, _ *string, _ *history.Type) { *f = "write" }), busy, nil)},
		{"no reads on the big side", ruleSideRead, "no read through n2+n3", whole(busy, but(cutOff, func(_ int, n string, f, _ *string, _ *history.Type) {
			if n != "n1" {
				*f = "write"
			}
		}), busy, nil)},
		{"adds only, and the final reads fail", ruleFinalRead, "no read of the final phase", whole(adds(nobody), adds(nobody), all("read", history.Fail), nil)},
		{"each node has keys of its own", ruleShared, "used from two sides", whole(busy, but(cutOff, func(_ int, n string, _, k *string, _ *history.Type) { *k = "key-" + n }), busy, nil)},
		{"each operation has a key of its own", ruleShared, "used from two sides", whole(busy, but(cutOff, func(i int, n string, _, k *string, _ *history.Type) { *k = fmt.Sprint(n, i) }), busy, nil)},
		{"keys shared on one side only", ruleShared, "used from two sides", whole(busy, on("n1", cutOff, func(_, k *string, _ *history.Type) { *k = "other" }), busy, nil)},
		{"what is written is never read", ruleShared, "changed and read", whole(twoKeys(busy), twoKeys(cutOff), twoKeys(busy), nil)},
		{"a paused node, and one client", ruleShared, "used from two sides", whole(busy, only(func(_ int, n string) bool { return n == "n2" }, busy), busy, nodeFault("n1"))},

		// The fault is none.
		{"the fault was never observed", ruleObserved, "no probe ever saw it", whole(busy, cutOff, busy, func(w *history.Window) { w.Observed = history.Nowhere })},
		{"a rule behind an ACCEPT: commanded, probed, heard", ruleObserved, "no probe ever saw it", whole(busy, busy, busy, func(w *history.Window) {
			w.Observed, w.Errors = history.Nowhere, []string{"n1 still hears n2"}
		})},
		{"the fault was never seen gone", ruleGone, "never seen to be gone", whole(busy, cutOff, busy, func(w *history.Window) { w.Recovered = history.Never })},
		{"the controller was killed in the window", ruleGone, "never seen to be gone", func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, func(w *history.Window) {
				w.Observed.To, w.Commanded.To, w.Recovered = history.Never, history.Never, history.Never
			})
		}},
		{"the fault harmed nobody", ruleHarm, "harmed nobody", whole(busy, busy, busy, nodeFault())},
		{"a partition into one side", ruleShared, "used from two sides", whole(busy, busy, busy, func(w *history.Window) { w.Sides = [][]string{s3()} })},
		{"the window is a moment long", ruleSide, "through n1", whole(busy, cutOff, busy, func(w *history.Window) { w.Observed.To = w.Observed.From })},
		{"it was observed only at its very end", ruleSide, "through n1", whole(busy, cutOff, busy, func(w *history.Window) { w.Observed.From = w.Observed.To })},
		{"observed before it was commanded", ruleOrder, "contradict", whole(busy, cutOff, busy, func(w *history.Window) { w.Observed.From.Index = w.Commanded.From.Index - 100 })},
		{"gone before it was observed", ruleOrder, "contradict", whole(busy, cutOff, busy, func(w *history.Window) { w.Recovered.Index = w.Observed.From.Index - 1 })},
		{"the fault came after the end", ruleSide, "through n1", func(s *scene) {
			s.phase(100, busy)
			s.final(2, busy)
			s.window(0, busy, nil)
		}},
		{"the fault fell into the final phase", ruleFinalLate, "final phase began before", func(s *scene) {
			s.phase(100, busy)
			s.plan.Final = s.point()
			s.phase(2, busy)
			s.window(40, cutOff, nil)
			s.phase(2, busy)
		}},
		{"final reads before healing", ruleFinalLate, "final phase began before", func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.final(2, busy)
			s.windows[0].Recovered = s.point()
			s.phase(2, busy)
		}},
		{"the planned fault never began", rulePlanned, "begun 0×", func(s *scene) {
			s.phase(100, busy)
			s.final(2, busy)
		}},
		{"the planned fault could not begin", ruleBegun, "never begun: nobody leads", whole(busy, cutOff, busy, func(w *history.Window) {
			w.Commanded, w.Observed, w.Recovered, w.Errors = history.Nowhere, history.Nowhere, history.Never, []string{"nobody leads"}
		})},
		{"a second window could not begin", ruleBegun, "never begun: no space", func(s *scene) {
			whole(busy, cutOff, busy, nil)(s)
			s.windows = append(s.windows, history.Window{ID: "w2", Fault: "partition:primaries", Commanded: history.Nowhere, Observed: history.Nowhere, Recovered: history.Never, Errors: []string{"no space"}})
		}},
		{"another fault than the planned one", rulePlanned, "begun 0×", whole(busy, cutOff, busy, func(w *history.Window) { w.Fault = "pause:n1" })},
		{"the planned kind, on another target", rulePlanned, "begun 0×", whole(busy, cutOff, busy, func(w *history.Window) { w.Fault = "partition:halves" })},
		{"one of two planned windows", rulePlanned, "planned 2×, and begun 1×", func(s *scene) {
			s.plan.Planned = map[string]int{"partition:primaries": 2}
			whole(busy, cutOff, busy, nil)(s)
		}},
		{"one of two planned faults", rulePlanned, "kill:all was planned", func(s *scene) {
			s.plan.Faults = append(s.plan.Faults, "kill:all")
			whole(busy, cutOff, busy, nil)(s)
		}},
		{"the second window is empty", ruleSide, "window w2", func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.window(0, cutOff, nil)
			s.final(2, busy)
		}},
		{"of two windows one was not observed", ruleObserved, "window w2", func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.window(40, busy, func(w *history.Window) { w.Observed = history.Nowhere })
			s.final(2, busy)
		}},

		// Before and after it.
		{"too slow before the fault", ruleRate, "operations a second", func(s *scene) {
			s.phase(400, only(func(i int, n string) bool { return n == "n1" && i%8 == 0 || n == "n2" && i%80 == 0 }, busy))
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{"stopped long before the fault", ruleRate, "operations a second", func(s *scene) {
			s.phase(100, busy)
			s.now += 10 * time.Second
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{"the fault comes first of all", ruleRate, "operations a second", func(s *scene) {
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{"every node harmed, and nothing after", ruleAfter, "nothing succeeded after it", func(s *scene) {
			s.phase(100, busy)
			s.window(40, all("write", history.Info), func(w *history.Window) { w.Harmed = s.plan.Nodes })
			s.final(0, busy)
		}},
		{"two of three killed, and again before anything worked", ruleAfter, "left no majority", func(s *scene) {
			s.phase(100, busy)
			s.window(40, failing, nodeFault("n1", "n2"))
			s.phase(20, failing)
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{"every node killed, and again before anything worked", ruleAfter, "window w1 (partition:primaries) harmed every node", func(s *scene) {
			s.phase(100, busy)
			s.window(40, failing, nodeFault(s3()...))
			s.phase(20, failing)
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{"nobody goes back to the node that was cut off", ruleAgain, "nobody used n1 again", whole(busy, cutOff, only(notN1, busy), nil)},
		{"the killed node never gets a client again", ruleAgain, "nobody used n3 again", whole(busy, busy, only(func(_ int, n string) bool { return n != "n3" }, busy), nodeFault("n3"))},
		{"the final phase was not reached", ruleFinal, "final phase", func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.phase(2, busy)
		}},
		{"the final phase is empty", ruleFinalRead, "no read of the final phase", whole(busy, cutOff, nobody, nil)},
		{"the final phase only writes", ruleFinalRead, "no read of the final phase", whole(busy, cutOff, isWrite(busy), nil)},
		{"no final read succeeded", ruleFinalRead, "no read of the final phase", whole(busy, cutOff, all("read", history.Fail), nil)},

		// Without faults.
		{"no faults, and nothing done", ruleAttempts, "needed", calm(0, busy, nobody)},
		{"no faults, and too little done", ruleAttempts, "18 operations in all", calm(6, busy, nobody)},
		{"no faults, and only reads", ruleEffectOK, "changes anything", calm(50, all("read", history.OK), all("read", history.OK))},
		{"no faults, and only writes", ruleReadOK, "no read succeeded", calm(50, all("write", history.OK), all("write", history.OK))},
		{"no faults, and only failures", ruleFinalOK, "no operation of the final phase succeeded", calm(50, all("write", history.Fail), all("read", history.Fail))},
		{"no faults, and a database that dies before the end", ruleFinalOK, "no operation of the final phase succeeded", calm(50, busy, all("read", history.Fail))},
		{"no faults, and no final phase", ruleFinal, "final phase", func(s *scene) {
			s.plan.Faults = []string{"none"}
			s.phase(50, busy)
		}},
		{"faults none, and yet a window that nobody saw", ruleObserved, "no probe ever saw it", func(s *scene) {
			s.plan.Faults = []string{"none"}
			whole(busy, busy, busy, func(w *history.Window) { w.Observed = history.Nowhere })(s)
			s.windows[0].Fault = "partition:primaries"
		}},
	}
}

func s3() []string { return []string{"n1", "n2", "n3"} }

// controls has for each rule a run that meets it by a hair, and all others: it must be valid, or the rule would make
// everything inconclusive.
func controls() map[rule]setup {
	oneOf := func(f string, c client) client { // only the very first operation of this kind is ok
		done := false
		return but(c, func(_ int, _ string, g, _ *string, typ *history.Type) {
			if *g != f {
				return
			}
			if *typ = history.Fail; !done {
				*typ, done = history.OK, true
			}
		})
	}
	by := func(node string, n int, c client) client {
		return only(func(i int, who string) bool { return who != node || i < n }, c)
	}
	good := whole(busy, cutOff, busy, nil)
	return map[rule]setup{
		ruleAttempts: {name: "20 operations in all", build: func(s *scene) {
			calm(6, busy, only(func(_ int, n string) bool { return n != "n3" }, all("read", history.OK)))(s)
		}},
		ruleEffectOK: {name: "one write succeeded", build: whole(oneOf("write", busy), cutOff, all("read", history.OK), nil)},
		ruleReadOK: {name: "one read succeeded", build: func(s *scene) {
			calm(50, oneOf("read", busy), all("write", history.OK))(s)
		}},
		ruleFinal:     {name: "the final phase was reached", build: good},
		ruleFinalOK:   {name: "one final operation succeeded", build: calm(50, busy, oneOf("read", all("read", history.Fail)))},
		ruleFinalRead: {name: "one final read succeeded", build: whole(busy, cutOff, oneOf("read", all("read", history.Fail)), nil)},
		ruleFinalLate: {name: "the final phase began at the moment of recovery", build: good},
		ruleRate: {name: "20 operations in the last 2 s", build: func(s *scene) {
			s.phase(134, only(func(i int, n string) bool { return i >= 114 && n == "n1" || i < 3 }, busy))
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		rulePlanned: {name: "two of two planned windows", build: func(s *scene) {
			s.plan.Planned = map[string]int{"partition:primaries": 2}
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		ruleBegun:    {name: "every window was begun", build: good},
		ruleHarm:     {name: "one node was paused", build: whole(busy, cutOff, busy, nodeFault("n1"))},
		ruleObserved: {name: "a probe saw it", build: good},
		ruleGone:     {name: "a probe saw it gone", build: good},
		ruleOrder: {name: "all at one moment of the history", build: whole(busy, cutOff, busy, func(w *history.Window) {
			w.Observed.From.Index = w.Commanded.From.Index
			w.Recovered.Index = w.Observed.To.Index
		})},
		ruleSide:       {name: "20 operations on the cut side", build: whole(busy, by("n1", 20, cutOff), busy, nil)},
		ruleSideEffect: {name: "one write on the cut side", build: whole(busy, on("n1", cutOff, firstThen("write", "read")), busy, nil)},
		ruleSideRead:   {name: "one read on the cut side", build: whole(busy, on("n1", cutOff, firstThen("read", "write")), busy, nil)},
		ruleShared: {name: "one key of many is used from two sides", build: func(s *scene) {
			i := 0
			whole(busy, on("n1", cutOff, func(_, k *string, _ *history.Type) {
				if i++; i > 1 {
					*k = "other"
				}
			}), busy, nil)(s)
		}},
		ruleInside: {name: "one operation succeeded in the window", build: whole(busy, oneOf("write", failing), busy, nil)},
		ruleAfter: {name: "every node killed, one operation in between, and again", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, failing, nodeFault(s3()...))
			s.phase(20, oneOf("write", failing))
			s.phase(200, busy)
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		ruleAgain: {name: "one operation through the node that was cut off", build: whole(busy, cutOff, by("n1", 1, busy), nil)},
	}
}

// firstThen does one operation of the first kind, and then only of the other.
func firstThen(first, then string) func(f, key *string, typ *history.Type) {
	done := false
	return func(f, _ *string, _ *history.Type) {
		if *f = then; !done {
			*f, done = first, true
		}
	}
}

// TestVacuousRuns: none of these runs tested anything, whatever they look like. With PARTITA_PRINT set it prints the table.
func TestVacuousRuns(t *testing.T) {
	type row struct{ name, verdict, reason string }
	var rows []row
	seen := map[string]bool{}
	valid := 0
	for _, c := range vacuous() {
		t.Run(c.name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			r := s.check(t)
			if r.Verdict != Inconclusive || !strings.Contains(r.Reason, c.says) {
				t.Errorf("%s: %q (expected inconclusive, saying %q)", r.Verdict, r.Reason, c.says)
			}
			if score := r.Facts["score"].(int); score < 0 || score >= 100 {
				t.Errorf("score %d", score)
			}
			if controls()[c.rule].build == nil {
				t.Errorf("the rule %q has no control", c.rule)
			}
			if r.Verdict == Valid {
				valid++
			}
			if print := fmt.Sprint(s.ops, s.plan, s.windows); seen[print] {
				t.Error("this set-up is there twice")
			} else {
				seen[print] = true
			}
			rows = append(rows, row{c.name, r.Verdict.String(), cut(r.Reason, 110)})
		})
	}
	if len(rows) < 60 {
		t.Errorf("%d set-ups: expected 60 at least", len(rows))
	}
	if os.Getenv("PARTITA_PRINT") == "" {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SET-UP\tVERDICT\tREASON")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", r.name, r.verdict, r.reason)
	}
	_, _ = fmt.Fprintf(w, "\n%d set-ups, %d called valid\n", len(rows), valid)
	_ = w.Flush()
}

// TestEachRuleIsMetByAHair: coverage is not simply inconclusive about everything.
func TestEachRuleIsMetByAHair(t *testing.T) {
	for r, c := range controls() {
		t.Run(c.name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			if got := s.check(t); got.Verdict != Valid || got.Facts["score"] != 100 {
				t.Errorf("the control of %q: %s: %s", r, got.Verdict, got.Reason)
			}
		})
	}
}

// TestEachRuleIsNeeded leaves out one rule after the other: without it some of the vacuous runs would be called valid.
func TestEachRuleIsNeeded(t *testing.T) {
	for r := range controls() {
		saved := ""
		for _, c := range vacuous() {
			s := newScene()
			c.build(s)
			if s.judge(t, r).Verdict == Valid {
				saved = c.name
			}
		}
		if saved == "" {
			t.Errorf("without the rule %q nothing is called valid that was not before: no set-up shows that it is needed", r)
		}
	}
}
