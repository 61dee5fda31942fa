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
	return s.judge(t, "")
}

// judge leaves one rule out.
func (s *scene) judge(t *testing.T, without rule) Result {
	t.Helper()
	v, err := history.NewView(s.ops)
	if err != nil {
		t.Fatal(err)
	}
	return coverageChecker{without}.Check(context.Background(), Input{History: v, Plan: &s.plan, Windows: s.windows})
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

func TestCoverageTable(t *testing.T) {
	s := newScene()
	s.phase(100, busy)
	s.window(40, cutOff, nil)
	s.final(2, busy)
	w := s.check(t).Facts["windows"].([]WindowCoverage)[0]
	if w.Total != 120 || w.Attempts["n1"] != 40 || w.Attempts["n2+n3"] != 80 || w.OK != 80 || w.Reads != 60 || w.Effects != 60 || !w.Observed || len(w.Missing) > 0 {
		t.Errorf("%+v", w)
	}
}

func TestSpecsAndCatalogueAreComplete(t *testing.T) {
	for _, s := range []Spec{Set(), Stats(), Coverage(), Recovery()} {
		if s.Name == "" || s.Doc == "" || s.Checker == nil {
			t.Errorf("%+v", s)
		}
	}
	var names []string
	for _, d := range Catalogue() {
		text, ok := Explain(d.Name)
		if !ok || strings.Count(text, ". ") < 1 || !strings.HasSuffix(text, ".") || len(RulesOut(d.Name)) == 0 && d.Name != "never-recovered" {
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

// TestNoMajorityLeftMayAnswerLater: a database that wants a majority answers nothing while it has none, and is right; one
// that still answers may do it in the window.
func TestNoMajorityLeftMayAnswerLater(t *testing.T) {
	for name, build := range map[string]func(*scene){
		"answers after it": whole(busy, failing, busy, nodeFault("n1", "n2")),
		"answers in it":    whole(busy, cutOff, busy, nodeFault("n1", "n2")),
	} {
		s := newScene()
		build(s)
		if r := s.check(t); r.Verdict != Valid {
			t.Errorf("%s: %s (%s)", name, r.Verdict, r.Reason)
		}
	}
}
