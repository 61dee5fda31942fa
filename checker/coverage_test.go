package checker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// scene is a run that is made up second by second: what clients do, and what the nemesis does.
type scene struct {
	ops     []history.Op
	now     time.Duration
	proc    int32
	plan    history.Plan
	windows []history.Window
}

func newScene() *scene {
	return &scene{plan: history.Plan{Nodes: []string{"n1", "n2", "n3"}, Faults: []string{"partition:primaries"}, Final: history.Never}}
}

func (s *scene) point() history.Point { return history.Point{Index: int64(len(s.ops)), Time: s.now} }

// do lets a client do one operation, 5 ms long.
func (s *scene) do(node, f, key string, typ history.Type) {
	s.proc++
	o := history.Op{Index: int64(len(s.ops)), Time: s.now, Process: s.proc, Type: history.Invoke, F: f, Key: key, Node: node, Value: history.Int(int64(s.proc))}
	s.ops = append(s.ops, o)
	s.now += 5 * time.Millisecond
	o.Index, o.Time, o.Type = int64(len(s.ops)), s.now, typ
	s.ops = append(s.ops, o)
}

// client is what one client's operation is in a phase of a scene; "" for f leaves it out.
type client func(i int, node string) (f, key string, typ history.Type)

// phase is n rounds of all nodes.
func (s *scene) phase(n int, c client) {
	for i := range n {
		for _, node := range s.plan.Nodes {
			if f, key, typ := c(i, node); f != "" {
				s.do(node, f, key, typ)
			} else {
				s.now += 5 * time.Millisecond
			}
		}
	}
}

func busy(i int, _ string) (string, string, history.Type) {
	return []string{"write", "read"}[i%2], "k", history.OK
}

// cutOff is what a correct database does while n1 is cut off.
func cutOff(i int, node string) (string, string, history.Type) {
	f, key, _ := busy(i, node)
	if node == "n1" {
		return f, key, history.Info
	}
	return f, key, history.OK
}

// window makes a window around a phase; change spoils it.
func (s *scene) window(n int, c client, change func(*history.Window)) {
	w := history.Window{ID: fmt.Sprintf("w%d", len(s.windows)+1), Fault: s.plan.Faults[0], Harmed: []string{"n1"}, Sides: [][]string{{"n1"}, {"n2", "n3"}}}
	w.Commanded.From = s.point()
	s.now += 10 * time.Millisecond
	w.Observed.From = s.point()
	s.phase(n, c)
	w.Observed.To, w.Commanded.To = s.point(), s.point()
	s.now += 10 * time.Millisecond
	w.Recovered = s.point()
	if change != nil {
		change(&w)
	}
	s.windows = append(s.windows, w)
}

func (s *scene) final(n int, c client) {
	s.plan.Final = s.point()
	s.phase(n, c)
}

func (s *scene) check(t *testing.T) Result {
	t.Helper()
	v, err := history.NewView(s.ops)
	if err != nil {
		t.Fatal(err)
	}
	return Coverage().Checker.Check(context.Background(), Input{History: v, Plan: &s.plan, Windows: s.windows})
}

func TestCoverageOfGoodRuns(t *testing.T) {
	for name, build := range map[string]func(s *scene){
		"a register under one partition": func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.phase(10, busy)
			s.final(2, busy)
		},
		"reads only at the end, as a set has them": func(s *scene) {
			add := func(i int, node string) (string, string, history.Type) {
				_, _, typ := cutOff(i, node)
				return "add", "", typ
			}
			s.phase(100, add)
			s.window(40, add, nil)
			s.final(1, func(int, string) (string, string, history.Type) { return "read", "", history.OK })
		},
		"adds, and a read now and then on the big side": func(s *scene) {
			add := func(i int, node string) (string, string, history.Type) {
				if _, _, typ := cutOff(i, node); i%20 > 0 || node == "n1" {
					return "add", "", typ
				}
				return "read", "", history.OK
			}
			s.phase(100, add)
			s.window(40, add, nil)
			s.final(1, func(int, string) (string, string, history.Type) { return "read", "", history.OK })
		},
		"every node harmed, something ok after": func(s *scene) {
			s.phase(100, busy)
			s.window(40, func(i int, n string) (string, string, history.Type) { f, k, _ := busy(i, n); return f, k, history.Info },
				func(w *history.Window) { w.Harmed, w.Sides = s.plan.Nodes, nil })
			s.final(2, busy)
		},
		"no faults were planned": func(s *scene) {
			s.plan.Faults = []string{"none"}
			s.phase(20, busy)
			s.final(2, busy)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			build(s)
			if r := s.check(t); r.Verdict != Valid || r.Facts["score"] != 100 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestVacuousRuns: none of these tested anything, whatever they look like.
func TestVacuousRuns(t *testing.T) {
	only := func(keep func(i int, node string) bool, c client) client {
		return func(i int, node string) (string, string, history.Type) {
			if !keep(i, node) {
				return "", "", 0
			}
			return c(i, node)
		}
	}
	all := func(f string, typ history.Type) client {
		return func(int, string) (string, string, history.Type) { return f, "k", typ }
	}
	whole := func(warm, in, fin client, change func(*history.Window)) func(*scene) {
		return func(s *scene) {
			s.phase(100, warm)
			s.window(40, in, change)
			s.final(2, fin)
		}
	}
	nobody := only(func(int, string) bool { return false }, busy)
	for name, c := range map[string]struct {
		build func(*scene)
		says  string
	}{
		"no traffic at all":                 {whole(nobody, nobody, nobody, nil), "needed"},
		"wrong port: every operation fails": {whole(all("write", history.Fail), all("write", history.Fail), all("write", history.Fail), nil), "before the first fault"},
		"every operation times out":         {whole(all("write", history.Info), all("write", history.Info), all("write", history.Info), nil), "before the first fault"},
		"only reads":                        {whole(all("read", history.OK), all("read", history.OK), all("read", history.OK), nil), "changes data"},
		"only writes":                       {whole(all("write", history.OK), all("write", history.OK), all("write", history.OK), nil), "no read"},
		"database down from the fault on":   {whole(busy, all("write", history.Info), all("read", history.Fail), nil), "nothing succeeded anywhere"},
		"no client on the cut side": {whole(busy, only(func(_ int, n string) bool { return n != "n1" }, cutOff), busy, nil),
			"0 operations through n1"},
		"no client on the big side": {whole(busy, only(func(_ int, n string) bool { return n == "n1" }, cutOff), busy, nil), "through n2+n3"},
		"too few on the cut side":   {whole(busy, only(func(i int, n string) bool { return n != "n1" || i < 19 }, cutOff), busy, nil), "19 operations through n1"},
		"no effects on the cut side": {whole(busy, func(i int, n string) (string, string, history.Type) {
			f, k, typ := cutOff(i, n)
			if n == "n1" {
				f = "read"
			}
			return f, k, typ
		}, busy, nil), "nothing that changes data through n1"},
		"no reads on the cut side": {whole(busy, func(i int, n string) (string, string, history.Type) {
			f, k, typ := cutOff(i, n)
			if n == "n1" {
				f = "write"
			}
			return f, k, typ
		}, busy, nil), "no read through n1"},
		"each node has keys of its own": {whole(busy, func(i int, n string) (string, string, history.Type) {
			f, _, typ := cutOff(i, n)
			return f, "key-" + n, typ
		}, busy, nil), "no key was used from two sides"},
		"keys shared on one side only": {whole(busy, func(i int, n string) (string, string, history.Type) {
			f, k, typ := cutOff(i, n)
			if n == "n1" {
				k = "other"
			}
			return f, k, typ
		}, busy, nil), "no key was used from two sides"},
		"the fault was never observed": {whole(busy, cutOff, busy, func(w *history.Window) { w.Observed = history.Nowhere }), "no probe ever saw it"},
		"the fault was never seen gone": {whole(busy, cutOff, busy, func(w *history.Window) { w.Recovered = history.Never }),
			"never seen to be gone"},
		"the window is a moment long": {whole(busy, cutOff, busy, func(w *history.Window) { w.Observed.To = w.Observed.From }), "through n1"},
		"the fault came after the end": {func(s *scene) {
			s.phase(100, busy)
			s.final(2, busy)
			s.window(0, busy, nil)
		}, "through n1"},
		"the planned fault never began": {func(s *scene) {
			s.phase(100, busy)
			s.final(2, busy)
		}, "begun 0×"},
		"the planned fault could not begin": {whole(busy, cutOff, busy, func(w *history.Window) {
			w.Commanded, w.Observed, w.Recovered, w.Errors = history.Nowhere, history.Nowhere, history.Never, []string{"nobody leads"}
		}), "never begun: nobody leads"},
		"another fault than the planned one": {whole(busy, cutOff, busy, func(w *history.Window) { w.Fault = "pause:n1" }), "begun 0×"},
		"one of two planned windows": {func(s *scene) {
			s.plan.Planned = map[string]int{"partition:primaries": 2}
			whole(busy, cutOff, busy, nil)(s)
		}, "planned 2×, and begun 1×"},
		"one of two planned faults": {func(s *scene) {
			s.plan.Faults = append(s.plan.Faults, "kill:all")
			whole(busy, cutOff, busy, nil)(s)
		}, "kill:all was planned"},
		"the second window is empty": {func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.window(0, cutOff, nil)
			s.final(2, busy)
		}, "window w2"},
		"the final phase was not reached": {func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
		}, "final phase"},
		"no final read succeeded": {whole(busy, cutOff, all("read", history.Fail), nil), "no operation of the final phase succeeded"},
		"too slow before the fault": {func(s *scene) {
			s.phase(400, only(func(i int, n string) bool { return n == "n1" && i%10 == 0 }, busy))
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}, "operations a second"},
		"stopped long before the fault": {func(s *scene) {
			s.phase(100, busy)
			s.now += 10 * time.Second
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}, "operations a second"},
		"every node harmed, and nothing after": {func(s *scene) {
			s.phase(100, busy)
			s.window(40, all("write", history.Info), func(w *history.Window) { w.Harmed = s.plan.Nodes })
			s.final(0, busy)
		}, "nothing succeeded after it"},
		"no faults, and nothing done": {func(s *scene) {
			s.plan.Faults = nil
			s.final(0, busy)
		}, "needed"},
		"no faults, and only reads": {func(s *scene) {
			s.plan.Faults = nil
			s.phase(50, all("read", history.OK))
			s.final(1, all("read", history.OK))
		}, "changes anything"},
		"no faults, and only failures": {func(s *scene) {
			s.plan.Faults = nil
			s.phase(50, all("write", history.Fail))
			s.final(1, all("read", history.Fail))
		}, "no operation of the final phase succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			r := s.check(t)
			if r.Verdict != Inconclusive || !strings.Contains(r.Reason, c.says) {
				t.Errorf("%s: %q (expected inconclusive, saying %q)", r.Verdict, r.Reason, c.says)
			}
			if score := r.Facts["score"].(int); score < 0 || score >= 100 {
				t.Errorf("score %d", score)
			}
		})
	}
}

func TestCoverageTable(t *testing.T) {
	s := newScene()
	s.phase(100, busy)
	s.window(40, cutOff, nil)
	s.final(2, busy)
	w := s.check(t).Facts["windows"].([]WindowCoverage)[0]
	if w.Attempts["n1"] != 40 || w.Attempts["n2+n3"] != 80 || w.OK != 80 || w.Reads != 60 || w.Effects != 60 || !w.Observed || len(w.Missing) > 0 {
		t.Errorf("%+v", w)
	}
}

func TestSpecsAndCatalogueAreComplete(t *testing.T) {
	for _, s := range []Spec{Set(), Stats(), Coverage()} {
		if s.Name == "" || s.Doc == "" || s.Checker == nil {
			t.Errorf("%+v", s)
		}
	}
	var names []string
	for _, d := range Catalogue() {
		text, ok := Explain(d.Name)
		if !ok || strings.Count(text, ". ") < 1 || !strings.HasSuffix(text, ".") || len(RulesOut(d.Name)) == 0 {
			t.Errorf("%s: %q", d.Name, text)
		}
		if slices.Contains(names, d.Name) {
			t.Errorf("%s is there twice", d.Name)
		}
		names = append(names, d.Name)
	}
	if _, ok := Explain("no such thing"); ok || RulesOut("no such thing") != nil {
		t.Error("an unknown anomaly is explained")
	}
}
