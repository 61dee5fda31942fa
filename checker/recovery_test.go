package checker

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// recover judges a scene.
func (s *scene) recover(t *testing.T, params history.Params) Result {
	t.Helper()
	v, err := history.NewView(s.ops)
	if err != nil {
		t.Fatal(err)
	}
	return Recovery().Checker.Check(context.Background(), Input{History: v, Plan: &s.plan, Windows: s.windows, Params: params})
}

// slow is n rounds, each a second long.
func (s *scene) slow(n int, c client) {
	for i := range n {
		began := s.now
		s.phase(1, func(_ int, node string) (string, string, history.Type) { return c(i, node) })
		s.now = began + time.Second
	}
}

// died is the event of a node whose database ended by itself.
func (s *scene) died(node string) {
	s.ops = append(s.ops, history.Op{Index: s.point().Index, Time: s.now, Process: history.Nemesis, Type: history.Info, F: history.Died, Node: node})
}

func TestRecoveryStories(t *testing.T) {
	// dead makes everything through a node fail.
	dead := func(node string, c client) client {
		return but(c, func(_ int, n string, f, _ *string, typ *history.Type) {
			if n != node {
				return
			}
			if *typ = history.Info; *f == "read" {
				*typ = history.Fail
			}
		})
	}
	reads := all("read", history.OK)
	noWrites := func(c client) client {
		return on("n2", c, func(f, _ *string, typ *history.Type) {
			if *f == "write" {
				*typ = history.Info
			}
		})
	}
	for _, c := range []struct {
		name   string
		build  func(*scene)
		params history.Params
		want   Verdict
		says   string
	}{
		{name: "it recovers at once", want: Valid, build: whole(busy, cutOff, busy, nil)},
		{name: "the run ends right at healing, and its final reads are good", want: Valid, build: whole(busy, cutOff, reads, nil)},
		{name: "a killed node comes back after 20 s", want: Valid, build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(20, cutOff)
			s.final(2, busy)
		}},
		{name: "not one final read succeeds, for 16 s", want: Invalid, says: "n1: nothing succeeded since w1 (partition:primaries)", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.plan.Final = s.point()
			s.slow(17, dead("n1", reads))
		}},
		{name: "not one final read succeeds, but for 14 s only", want: Unknown, says: "n1 answered none of the 14 operations", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.plan.Final = s.point()
			s.slow(14, dead("n1", reads))
		}},
		{name: "the clients get nothing for half a minute", want: Invalid, says: "n3", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(32, dead("n3", busy))
		}},
		{name: "the clients get nothing for less", want: Unknown, says: "n3 answered none", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(29, dead("n3", busy))
		}},
		{name: "it may take that long", want: Unknown, params: history.Params{"recovery-within": "1m"}, build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(32, dead("n3", busy))
		}},
		{name: "a few attempts prove nothing", want: Unknown, says: "n1 answered none of the 4 operations", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.now += time.Minute
			s.final(4, dead("n1", busy))
		}},
		{name: "reads work again, writes do not, through one node", want: Invalid, says: "write through n2: nothing succeeded", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(60, noWrites(busy))
		}},
		{name: "writes do not work again, but nobody tried for long", want: Valid, build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(12, noWrites(busy))
			s.final(2, reads)
		}},
		{name: "the value of a cas need not be there", want: Valid, build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(40, all("cas", history.Fail))
			s.final(2, reads)
		}},
		{name: "but nobody being there is no answer to a cas", want: Invalid, says: "cas through n1", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			from := len(s.ops)
			s.slow(40, all("cas", history.Fail))
			for i := range s.ops[from:] {
				s.ops[from+i].Err.Code = "connect"
			}
			s.final(2, reads)
		}},
		{name: "it serves again, and then dies", want: Invalid, says: "n1: it served again", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(5, busy)
			s.slow(40, dead("n1", busy))
		}},
		{name: "it died by itself, which is said of nobody else", want: Inconclusive, says: "died by itself on n1", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.died("n1")
			s.slow(40, dead("n1", busy))
		}},
		{name: "it died by itself, so that the others have nobody to agree with", want: Inconclusive, says: "died by itself on n1, n2", build: func(s *scene) {
			s.phase(100, busy)
			s.died("n2")
			s.died("n1")
			s.window(40, cutOff, nil)
			s.slow(40, dead("n3", busy))
		}},
		{name: "it died by itself, and served again", want: Valid, build: func(s *scene) {
			s.phase(100, busy)
			s.died("n1")
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{name: "a later fault begins the clock anew", want: Valid, build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(50, dead("n1", busy))
			s.window(40, cutOff, nil)
			s.final(2, busy)
		}},
		{name: "what came before a later fault does not count", want: Unknown, says: "n1 answered none of the 4 operations", build: func(s *scene) {
			s.phase(100, busy)
			s.window(40, cutOff, nil)
			s.slow(50, dead("n1", busy))
			s.window(40, cutOff, nil)
			s.final(4, dead("n1", busy))
		}},
		{name: "it was commanded to end, though nobody saw it gone", want: Valid, build: whole(busy, cutOff, busy, func(w *history.Window) { w.Recovered = history.Never })},
		{name: "the fault never ended", want: Unknown, says: "w1 (partition:primaries) was never seen to end", build: whole(busy, cutOff, busy, func(w *history.Window) {
			w.Recovered, w.Commanded.To = history.Never, history.Never
		})},
		{name: "nobody tried a node again", want: Unknown, says: "nobody tried n1", build: whole(busy, cutOff, only(func(_ int, n string) bool { return n != "n1" }, busy), nil)},
		{name: "no faults were planned", want: Valid, build: calm(20, busy, reads)},
		{name: "the planned fault never began", want: Unknown, says: "no planned fault ever began", build: func(s *scene) { s.phase(20, busy) }},
		{name: "nothing was done", want: Unknown, says: "no operation", build: func(*scene) {}},
		{name: "a bad parameter", want: Unknown, says: "expected a duration", params: history.Params{"recovery-within": "soon"}, build: whole(busy, cutOff, busy, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene()
			c.build(s)
			r := s.recover(t, c.params)
			if r.Verdict != c.want || !strings.Contains(r.Reason, c.says) || r.Verdict != Valid && r.Reason == "" {
				t.Errorf("%s: %q\nexpected %s, saying %q", r.Verdict, r.Reason, c.want, c.says)
			}
			if (r.Verdict == Invalid) != (len(r.Anomalies) > 0) {
				t.Errorf("%s with %d anomalies", r.Verdict, len(r.Anomalies))
			}
			for _, a := range r.Anomalies {
				if ex := a.Data.(Exhibit); a.Name != "never-recovered" || len(a.Ops) != 8 || len(ex.Ops) != 4 || a.Text == "" {
					t.Errorf("%+v", a)
				}
			}
		})
	}
	if r := Recovery().Checker.Check(context.Background(), Input{History: new(history.View)}); r.Verdict != Unknown || r.Reason == "" {
		t.Errorf("a lone history: %+v", r)
	}
}

func TestRecoveryTellsHowLongItTook(t *testing.T) {
	s := newScene()
	s.phase(100, busy)
	s.window(40, cutOff, nil)
	s.slow(6, cutOff)
	s.final(2, busy)
	r := s.recover(t, nil)
	first := r.Facts["first ok after it (seconds)"].(map[string]float64)
	if r.Verdict != Valid || first["n1"] < 5.9 || first["n1"] > 6.1 || first["n2"] > 0.1 || first["n3"] > 0.1 {
		t.Errorf("%s %v", r.Verdict, first)
	}
	// One gap: n1's, from its first attempt in the window to the first ok after it. A pause in which nobody asks is none.
	gaps := r.Facts["without any ok"].([]Gap)
	if len(gaps) != 1 || gaps[0].Node != "n1" || gaps[0].During != "w1" || gaps[0].Attempts != 47 || gaps[0].Seconds < 6.5 || gaps[0].Seconds > 6.8 {
		t.Errorf("%+v", gaps)
	}
}
