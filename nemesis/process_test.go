package nemesis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// procDB is a database whose processes are words: "runs", "paused", "dead".
type procDB struct {
	cluster.Database
	mu        sync.Mutex
	state     map[string]string
	calls     map[string]int
	fails     map[string]error // "kill n2"
	deaf      string           // a node whose agent does not answer
	deafAfter string           // the node that becomes so with the first harm
	idle      bool             // signals do nothing, and say that they did
	mute      bool             // nobody serves
	leads     []string
	zombie    bool           // the service answers though no process runs: somebody else holds the port
	slow      map[string]int // probes for which a started node does not serve yet
	stuck     chan struct{}  // Ready waits for it, whatever its context says
	panics    bool
}

func newProcDB(nodes []string) *procDB {
	d := &procDB{state: map[string]string{}, calls: map[string]int{}, fails: map[string]error{}, slow: map[string]int{}}
	for _, n := range nodes {
		d.state[n] = "runs"
	}
	return d
}

func (d *procDB) Daemons() []string { return []string{"db", "monitor"} }

func (d *procDB) do(what string, n cluster.Node, state string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls[what+" "+n.Name()]++
	d.deaf = d.deafAfter
	if d.panics {
		panic("a nil map")
	}
	if err := d.fails[what+" "+n.Name()]; err != nil {
		return err
	}
	if !d.idle {
		d.state[n.Name()] = state
	}
	return nil
}

func (d *procDB) Kill(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.do("kill", n, "dead")
}

func (d *procDB) Stop(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.do("stop", n, "dead")
}

func (d *procDB) Start(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.do("start", n, "runs")
}

func (d *procDB) Pause(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.do("pause", n, "paused")
}

func (d *procDB) Resume(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	return d.do("resume", n, "runs")
}

func (d *procDB) Primaries(context.Context, *cluster.Cluster) ([]string, error) { return d.leads, nil }

func (d *procDB) Ready(_ context.Context, _ *cluster.Cluster, n cluster.Node) error {
	if d.stuck != nil {
		<-d.stuck
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls["ready "+n.Name()]++
	if d.slow[n.Name()] > 0 {
		d.slow[n.Name()]--
		return errors.New("it is still replaying its log")
	}
	if d.mute || d.state[n.Name()] != "runs" && !d.zombie {
		return errors.New("connection refused")
	}
	return nil
}

func (d *procDB) of(n string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state[n]
}

func (d *procDB) fail(call string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails[call] = err
}

func (d *procDB) count(call string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[call]
}

// procNode is a node whose processes the procDB knows.
type procNode struct {
	fakeNode
	db *procDB
}

func (n procNode) Start(context.Context, cluster.Daemon) error          { return nil }
func (n procNode) Signal(context.Context, string, cluster.Signal) error { return nil }
func (n procNode) Status(_ context.Context, d string) (cluster.Process, error) {
	n.db.mu.Lock()
	defer n.db.mu.Unlock()
	if n.db.deaf == n.name {
		return cluster.Process{}, errors.New("the connection was lost")
	}
	s := n.db.state[n.name]
	return cluster.Process{Name: d, Running: s != "dead", Paused: s == "paused"}, nil
}

func newProcLab(t *testing.T, nodes int) (*lab, *procDB) {
	l := newLab(t, nodes)
	db := newProcDB(nodesOf(nodes))
	l.cfg.Cluster.DB = db
	for i, n := range nodesOf(nodes) {
		l.cfg.Cluster.Nodes[i] = procNode{fakeNode{n, cluster.Kill | cluster.Pause | cluster.Network}, db}
	}
	return l, db
}

func kind(t *testing.T, name string) Kind {
	t.Helper()
	for _, k := range Kinds() {
		if k.Name == name {
			return k
		}
	}
	t.Fatalf("no kind %q", name)
	return Kind{}
}

// Whom each selector harms, as a transcript.
func TestVictims(t *testing.T) {
	datadriven.RunTest(t, "testdata/victims", func(t *testing.T, d *datadriven.TestData) string {
		n, seed, fault, selector, primaries := 3, 1, "kill", "", ""
		d.MaybeScanArgs(t, "nodes", &n)
		d.MaybeScanArgs(t, "seed", &seed)
		d.MaybeScanArgs(t, "fault", &fault)
		d.MaybeScanArgs(t, "of", &selector)
		d.MaybeScanArgs(t, "primaries", &primaries)
		v := View{Nodes: nodesOf(n), Selector: selector, ID: "w1"}
		if primaries != "" {
			v.Primaries = strings.Split(primaries, "+")
		}
		s, err := kind(t, fault).Fault.Plan(v, rand.New(rand.NewPCG(uint64(seed), 0)))
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		if again, _ := kind(t, fault).Fault.Plan(v, rand.New(rand.NewPCG(uint64(seed), 0))); history.Of(again) != history.Of(s) {
			t.Errorf("the same seed drew something else: %+v", again)
		}
		return fmt.Sprintf("%s: %v, sides %v\n", s.Fault, s.Harmed, s.Sides)
	})
}

// A kill, a stop and a pause, from the plan to the recovery; each is seen by what it does to the processes.
func TestProcessesAreHarmedAndComeBack(t *testing.T) {
	for _, c := range []struct{ fault, harmed, undo string }{{"kill", "dead", "start"}, {"stop", "dead", "start"}, {"pause", "paused", "resume"}} {
		t.Run(c.fault, func(t *testing.T) {
			l, db := newProcLab(t, 3)
			id, err := l.Begin(context.Background(), kind(t, c.fault), "n1+n3")
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "observed", l.observed(0))
			if db.of("n1") != c.harmed || db.of("n2") != "runs" || db.of("n3") != c.harmed {
				t.Errorf("%v", db.state)
			}
			db.mu.Lock()
			db.slow["n3"] = 3 // it runs, and does not serve yet
			db.mu.Unlock()
			if err := l.End(context.Background(), id); err != nil {
				t.Fatal(err)
			}
			w := l.window(0)
			if !w.Recovered.Happened() || len(w.Errors) > 0 || fmt.Sprint(w.Harmed, w.Sides) != "[n1 n3] [[n1 n3] [n2]]" {
				t.Errorf("%+v", w)
			}
			if db.of("n1") != "runs" || db.of("n3") != "runs" || db.count(c.undo+" n2") > 0 || db.count(c.fault+" n2") > 0 {
				t.Errorf("%v %v", db.state, db.calls)
			}
			if db.slow["n3"] != 0 {
				t.Error("it was called recovered before it served")
			}
			var cert struct {
				During []struct {
					Seen  bool
					Edges struct{ Nodes []nodeState }
				}
			}
			if err := w.Evidence.Decode(&cert); err != nil || len(cert.During) == 0 || !cert.During[0].Seen || len(cert.During[0].Edges.Nodes) != 2 {
				t.Errorf("certificate %s: %v", w.Evidence, err)
			}
		})
	}
}

// What does not happen is not observed, whatever was commanded.
func TestAHarmThatDoesNothingIsNeverObserved(t *testing.T) {
	for _, c := range []struct {
		name, fault, of string
		lie             func(*procDB)
	}{
		{"a signal that does nothing", "kill", "one", func(d *procDB) { d.idle = true }},
		{"a pause that does nothing", "pause", "all", func(d *procDB) { d.idle = true }},
		{"somebody else serves on the port", "stop", "n1", func(d *procDB) { d.zombie = true }},
		{"half of it", "kill", "n1+n2", func(d *procDB) { d.fails["kill n2"] = errors.New("permission denied") }},
		{"half of a pause", "pause", "all", func(d *procDB) { d.fails["pause n3"] = errors.New("permission denied") }},
		{"a node that cannot be asked", "kill", "n1+n2", func(d *procDB) { d.deafAfter = "n2" }},
		{"a paused node that cannot be asked", "pause", "n2", func(d *procDB) { d.deafAfter = "n2" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, db := newProcLab(t, 3)
			c.lie(db)
			id, _ := l.Begin(context.Background(), kind(t, c.fault), c.of)
			eventually(t, "a few probes", func() bool { return strings.Contains(string(l.window(0).Evidence), `"skipped"`) })
			if w := l.window(0); w.Observed.From.Happened() || len(w.Errors) == 0 {
				t.Errorf("%+v", w)
			}
			l.cfg.RecoverFor = 50 * time.Millisecond
			err := l.End(context.Background(), id)
			if db.deaf != "" && (err == nil || l.window(0).Recovered.Happened()) {
				t.Error("a node that cannot be asked was taken for recovered")
			}
			for _, n := range nodesOf(3) {
				if db.of(n) != "runs" {
					t.Errorf("%s %s after the end", n, db.of(n))
				}
			}
		})
	}
}

// A database that was ill before the fault proves nothing in it.
func TestADatabaseThatWasDownBefore(t *testing.T) {
	l, db := newProcLab(t, 3)
	db.state["n1"] = "dead"
	l.cfg.RecoverFor = 10 * time.Second
	id, err := l.Begin(context.Background(), kind(t, "kill"), "n1")
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a few probes", func() bool { return strings.Contains(string(l.window(0).Evidence), `"skipped"`) })
	if l.window(0).Observed.From.Happened() {
		t.Error("the kill of a dead database was observed")
	}
	if err := l.End(context.Background(), id); err != nil {
		t.Error(err)
	}
}

// One that comes back by itself, or by somebody else's hand, is harmed again, and that is recorded.
func TestTheKilledStaysKilled(t *testing.T) {
	l, db := newProcLab(t, 3)
	id, _ := l.Begin(context.Background(), kind(t, "kill"), "n2")
	eventually(t, "observed", l.observed(0))
	db.mu.Lock()
	db.state["n2"] = "runs"
	db.mu.Unlock()
	eventually(t, "killed again", func() bool { return db.count("kill n2") == 2 && db.of("n2") == "dead" })
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if w := l.window(0); !strings.Contains(strings.Join(w.Errors, " "), "no longer seen: it was set again") {
		t.Errorf("%q", w.Errors)
	}
}

// Another process, which knows nothing but what is on disk, undoes a Step that was half done; twice is no error.
func TestUndoFromTheSpecAlone(t *testing.T) {
	for _, c := range []struct{ fault, undone string }{{"kill", "start"}, {"stop", "start"}, {"pause", "resume"}} {
		l, db := newProcLab(t, 5)
		db.fails[c.fault+" n4"] = errors.New("the connection was lost")
		if _, err := l.Begin(context.Background(), kind(t, c.fault), "n2+n4+n5"); err == nil || !strings.Contains(err.Error(), "on n4: the connection was lost") {
			t.Errorf("%s: %v", c.fault, err)
		}
		if db.of("n5") == "runs" {
			t.Errorf("%s: one node that failed kept another from being harmed", c.fault)
		}
		l.windows[0].stop() // the first process is gone
		<-l.windows[0].done
		l.mu.Lock()
		onDisk, err := json.Marshal(l.saved[0])
		l.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		var ws []history.Window
		var s Spec
		if err := errors.Join(json.Unmarshal(onDisk, &ws), ws[0].Spec.Decode(&s)); err != nil {
			t.Fatal(err)
		}
		other := &cluster.Cluster{ID: "c", Net: l.net, DB: db, Nodes: l.cfg.Cluster.Nodes}
		db.fail("start n2", errors.New("no such file"))
		db.fail("resume n2", errors.New("no such process"))
		if err := kind(t, c.fault).Fault.Undo(t.Context(), other, s); err == nil || !strings.Contains(err.Error(), "on n2: no such") {
			t.Errorf("%s: %v", c.fault, err)
		}
		db.fail("start n2", nil)
		db.fail("resume n2", nil)
		for range 2 {
			if err := kind(t, c.fault).Fault.Undo(t.Context(), other, s); err != nil {
				t.Errorf("%s: %v", c.fault, err)
			}
		}
		for _, n := range nodesOf(5) {
			if db.of(n) != "runs" || slices.Contains(s.Harmed, n) != (db.count(c.undone+" "+n) > 0) {
				t.Errorf("%s: %s %s, %v", c.fault, n, db.of(n), db.calls)
			}
		}
		if err := l.HealAll(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A target's code that panics, or that ignores the end of its time, fails the fault and nothing else.
func TestCodeOfATargetThatMisbehaves(t *testing.T) {
	l, db := newProcLab(t, 3)
	db.panics = true
	id, err := l.Begin(context.Background(), kind(t, "kill"), "all")
	if err == nil || !strings.Contains(err.Error(), "it panicked: a nil map") {
		t.Errorf("%v", err)
	}
	db.mu.Lock()
	db.panics = false
	db.mu.Unlock()
	if err := l.End(context.Background(), id); err != nil {
		t.Error(err)
	}

	db.stuck = make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	o, err := Kill{}.Observe(ctx, l.cfg.Cluster, Spec{Fault: "kill:n1", Harmed: []string{"n1"}})
	if err == nil || !strings.Contains(err.Error(), "left behind") || o.Seen || o.Gone || !strings.Contains(string(o.Evidence), "it did not answer") {
		t.Errorf("%+v %v", o, err)
	}
	close(db.stuck)
	if err := (Kill{}).Undo(t.Context(), l.cfg.Cluster, Spec{Harmed: []string{"n7"}}); err == nil || !strings.Contains(err.Error(), `no node "n7"`) {
		t.Errorf("%v", err)
	}
}

// noPauser hides that a database can be paused.
type noPauser struct{ cluster.Database }

func TestADatabaseThatCannotBePausedIsRefused(t *testing.T) {
	l, db := newProcLab(t, 3)
	l.cfg.Cluster.DB = noPauser{db}
	for _, err := range []error{
		Refuse(kind(t, "pause"), l.cfg.Cluster),
		Pause{}.Undo(t.Context(), l.cfg.Cluster, Spec{Harmed: []string{"n1"}}),
	} {
		if !errors.Is(err, errNoPauser) {
			t.Error(err)
		}
	}
	if id, err := l.Begin(t.Context(), kind(t, "pause"), "one"); err == nil || id != "" {
		t.Error(id, err)
	}
	if err := Refuse(kind(t, "kill"), l.cfg.Cluster); err != nil {
		t.Error(err)
	}
}
