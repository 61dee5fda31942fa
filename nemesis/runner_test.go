package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeNode struct {
	name string
	caps cluster.Caps
}

func (n fakeNode) Name() string                                { return n.name }
func (n fakeNode) Can() cluster.Caps                           { return n.caps }
func (n fakeNode) Dir() string                                 { return "" }
func (n fakeNode) Peer(context.Context) ([]netip.Addr, error)  { return nil, nil }
func (n fakeNode) Dial(context.Context, int) (net.Conn, error) { return nil, errors.New("no") }

// fakeNet is a network that may lie.
type fakeNet struct {
	mu      sync.Mutex
	cut     []cluster.Edge
	sets    int
	cutsNot bool          // Set does nothing, and says that it did
	deaf    string        // a node that cannot be asked
	broken  bool          // nothing is ever heard
	late    time.Duration // after healing it stays cut for so long
	healed  time.Time
	failing int // so many Sets fail after they did half of it
	before  func()
}

func (f *fakeNet) Set(ctx context.Context, edges []cluster.Edge) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		f.before()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	f.sets++
	if f.cutsNot {
		return nil
	}
	if f.failing > 0 {
		f.failing--
		if len(f.cut) == 0 {
			f.cut = edges[:len(edges)/2]
		}
		return errors.New("n3: the connection was lost")
	}
	if len(edges) == 0 && f.late > 0 {
		f.healed = time.Now().Add(f.late)
		return nil
	}
	f.cut = slices.Clone(edges)
	return nil
}

func (f *fakeNet) Rules() map[string]string { return map[string]string{"n1": "-A PARTITA -j DROP"} }

func (f *fakeNet) Reach(ctx context.Context, edges []cluster.Edge) ([]cluster.Evidence, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !f.healed.IsZero() && time.Now().After(f.healed) {
		f.cut = nil
	}
	var es []cluster.Evidence
	for _, e := range edges {
		ev := cluster.Evidence{Edge: e, Flows: []cluster.Flow{{Kind: "old", Sent: 5, Heard: 5}, {Kind: "fresh", Sent: 5, Heard: 5}}}
		switch {
		case e.To == f.deaf:
			ev = cluster.Evidence{Edge: e, Err: "it does not answer"}
		case f.broken || slices.Contains(f.cut, e):
			ev.Flows[0].Heard, ev.Flows[1].Heard = 0, 0
		}
		es = append(es, ev)
	}
	return es, nil
}

func (f *fakeNet) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = nil
}

func (f *fakeNet) edges() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.cut)
}

type fakeDB struct {
	cluster.Database
	mu    sync.Mutex
	leads [][]string // answers, one after the other; the last one stays
}

func (d *fakeDB) Primaries(context.Context, *cluster.Cluster) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.leads[0]
	if len(d.leads) > 1 {
		d.leads = d.leads[1:]
	}
	return p, nil
}

// lab is a runner with a fake cluster, a history and a disk.
type lab struct {
	*Runner
	net *fakeNet

	mu    sync.Mutex
	ops   []history.Op
	saved [][]history.Window
	full  bool // the disk
}

func newLab(t *testing.T, nodes int) *lab {
	l := &lab{net: &fakeNet{}}
	c := &cluster.Cluster{ID: "c", Net: l.net}
	for i := range nodes {
		c.Nodes = append(c.Nodes, fakeNode{fmt.Sprintf("n%d", i+1), cluster.Network})
	}
	began := time.Now()
	l.Runner = NewRunner(Config{
		Cluster: c, Seed: 7, Every: 5 * time.Millisecond, RecoverFor: 10 * time.Second,
		Point: func() history.Point {
			l.mu.Lock()
			defer l.mu.Unlock()
			return history.Point{Index: int64(len(l.ops)), Time: time.Since(began)}
		},
		Inject: func(o history.Op) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ops = append(l.ops, o)
		},
		Save: func(ws []history.Window) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.full {
				return errors.New("no space left on device")
			}
			l.saved = append(l.saved, ws)
			return nil
		},
	})
	t.Cleanup(func() { _ = l.HealAll(context.Background()) })
	return l
}

func (l *lab) begin(t *testing.T, selector string) string {
	t.Helper()
	id, err := l.Begin(context.Background(), Kinds()[0], selector)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (l *lab) window(i int) history.Window { return l.Windows()[i] }

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long: %s", what)
		}
	}
}

func (l *lab) observed(i int) func() bool {
	return func() bool { return l.window(i).Observed.From.Happened() }
}

func TestAPartitionFromPlanToRecovery(t *testing.T) {
	l := newLab(t, 3)
	l.net.before = func() { // whenever rules change, the plan is on disk already
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.saved) == 0 || l.saved[len(l.saved)-1][0].Spec.IsNil() {
			t.Error("rules were set before the plan was on disk")
		}
	}
	id := l.begin(t, "n1|n2+n3")
	eventually(t, "observed", l.observed(0))
	if w := l.window(0); w.Commanded.To.Happened() || w.Recovered.Happened() || l.net.edges() != 4 {
		t.Errorf("%+v", w)
	}
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if err := l.End(context.Background(), id); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
	w := l.window(0)
	if l.net.edges() != 0 || len(w.Errors) > 0 || w.Fault != "partition:n1|n2+n3" || fmt.Sprint(w.Harmed, w.Sides) != "[n1] [[n1] [n2 n3]]" {
		t.Errorf("%+v", w)
	}
	for _, p := range [][2]history.Point{{w.Commanded.From, w.Observed.From}, {w.Observed.From, w.Observed.To}, {w.Observed.To, w.Commanded.To}, {w.Commanded.To, w.Recovered}} {
		if p[0].Index > p[1].Index || p[0].Time > p[1].Time || !p[1].Happened() {
			t.Errorf("points are out of order: %+v", w)
		}
	}
	var c struct {
		Before, During, After []struct {
			Seen  bool
			Edges []cluster.Evidence
		}
		Rules map[string]string
	}
	if err := w.Evidence.Decode(&c); err != nil || len(c.Before) == 0 || c.Before[0].Seen || !c.During[0].Seen || len(c.After[0].Edges) != 6 || c.Rules["n1"] == "" {
		t.Errorf("certificate %s: %v", w.Evidence, err)
	}
	var told []string
	for _, o := range l.ops {
		told = append(told, fmt.Sprintf("%d %s %s", o.Process, o.Type, o.F))
		if !strings.Contains(string(o.Value), `"id":"w1"`) {
			t.Errorf("%s", o.Value)
		}
	}
	if want := slices.Repeat([]string{"-1 invoke partition:n1|n2+n3", "-1 info partition:n1|n2+n3"}, 2); !slices.Equal(told, want) {
		t.Errorf("%q", told)
	}
	if last := l.saved[len(l.saved)-1]; !last[0].Recovered.Happened() {
		t.Error("the recovery is not on disk")
	}
}

func TestACutThatCutsNothingIsNeverObserved(t *testing.T) {
	l := newLab(t, 3)
	l.net.cutsNot = true
	id := l.begin(t, "one")
	eventually(t, "a second attempt", func() bool { l.net.mu.Lock(); defer l.net.mu.Unlock(); return l.net.sets >= 2 })
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	w := l.window(0)
	if w.Observed != history.Nowhere || !w.Recovered.Happened() || !strings.Contains(strings.Join(w.Errors, " "), "did not see it") {
		t.Errorf("%+v", w)
	}
}

func TestProbesThatNeverComeThroughProveNothing(t *testing.T) {
	l := newLab(t, 3)
	l.net.broken = true
	id := l.begin(t, "one")
	l.cfg.RecoverFor = 50 * time.Millisecond
	if err := l.End(context.Background(), id); err == nil || !strings.Contains(err.Error(), "not seen to be gone") {
		t.Error(err)
	}
	if w := l.window(0); w.Observed != history.Nowhere || w.Recovered.Happened() || !strings.Contains(w.Errors[0], "before the fault") {
		t.Errorf("%+v", w)
	}
	// Broken only from the cut on: the edges that are not cut show it.
	l = newLab(t, 3)
	l.net.before = func() { l.net.broken = true }
	l.begin(t, "one")
	eventually(t, "a few probes", func() bool { return strings.Contains(string(l.window(0).Evidence), `"skipped"`) })
	if l.window(0).Observed.From.Happened() {
		t.Error("silence everywhere was taken for a cut")
	}
	l.cfg.RecoverFor = 50 * time.Millisecond
}

func TestANodeThatCannotBeAskedProvesNothing(t *testing.T) {
	l := newLab(t, 3)
	l.net.before = func() { l.net.deaf = "n1" }
	id := l.begin(t, "n1|n2+n3")
	l.cfg.RecoverFor = 50 * time.Millisecond
	if err := l.End(context.Background(), id); err == nil {
		t.Error("a node that did not answer was taken for recovered")
	}
	if w := l.window(0); w.Observed != history.Nowhere || w.Recovered.Happened() {
		t.Errorf("%+v", w)
	}
}

func TestALostCutIsSetAgainAndRecorded(t *testing.T) {
	l := newLab(t, 3)
	id := l.begin(t, "one")
	eventually(t, "observed", l.observed(0))
	l.net.lose() // a node came back with another address
	eventually(t, "set again", func() bool { return l.net.edges() == 4 })
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if w := l.window(0); !strings.Contains(strings.Join(w.Errors, " "), "no longer seen: it was set again") || !w.Recovered.Happened() {
		t.Errorf("%+v", w)
	}
}

func TestHealingMayTakeItsTime(t *testing.T) {
	l := newLab(t, 3)
	l.net.late = 300 * time.Millisecond
	id := l.begin(t, "one")
	eventually(t, "observed", l.observed(0))
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	if w := l.window(0); w.Recovered.Time-w.Commanded.To.Time < 250*time.Millisecond {
		t.Errorf("recovered too soon: %+v", w)
	}
}

func TestHealingOutlivesCancellationAndErrors(t *testing.T) {
	l := newLab(t, 5)
	l.cfg.MaxHarmed = 5
	ctx, cancel := context.WithCancel(context.Background())
	for _, s := range []string{"n1|n2", "majorities-ring"} {
		if _, err := l.Begin(ctx, Kinds()[0], s); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both observed", func() bool { return l.observed(0)() && l.observed(1)() })
	cancel()
	l.net.mu.Lock()
	l.net.failing = 1
	l.net.mu.Unlock()
	if err := l.HealAll(ctx); err != nil {
		t.Fatal(err)
	}
	if l.net.edges() != 0 {
		t.Error("something is still cut")
	}
	for _, w := range l.Windows() {
		if !w.Recovered.Happened() {
			t.Errorf("%+v", w)
		}
	}
	if id, err := l.Begin(ctx, Kinds()[0], "one"); err == nil || id != "" || l.net.edges() != 0 {
		t.Errorf("a fault began after the end: %q %v", id, err)
	}
}

func TestAHalfDoneCutIsKnownAndHealed(t *testing.T) {
	l := newLab(t, 3)
	l.net.failing = 1
	id, err := l.Begin(context.Background(), Kinds()[0], "one")
	if err == nil || id != "w1" {
		t.Fatal(id, err)
	}
	if err := l.End(context.Background(), id); err != nil || l.net.edges() != 0 {
		t.Error(err, l.net.edges())
	}
	if w := l.window(0); !strings.Contains(strings.Join(w.Errors, " "), "connection was lost") {
		t.Errorf("%+v", w)
	}
}

func TestNothingHappensThatIsNotOnDisk(t *testing.T) {
	l := newLab(t, 3)
	l.full = true
	id, err := l.Begin(context.Background(), Kinds()[0], "one")
	if err == nil || id != "" || l.net.sets > 0 || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%q %v, %d times set", id, err, l.net.sets)
	}
	if w := l.window(0); w.Commanded != history.Nowhere || len(w.Errors) == 0 {
		t.Errorf("%+v", w)
	}
}

func TestWhoLeadsIsAskedUntilSomebodyDoes(t *testing.T) {
	l := newLab(t, 3)
	l.cfg.Cluster.DB = &fakeDB{leads: [][]string{nil, nil, {"n2"}}}
	l.begin(t, "primaries")
	if w := l.window(0); fmt.Sprint(w.Sides) != "[[n2] [n1 n3]]" {
		t.Errorf("%v", w.Sides)
	}
	l = newLab(t, 3)
	if _, err := l.Begin(context.Background(), Kinds()[0], "primaries"); !errors.Is(err, ErrNoPrimaries) {
		t.Errorf("a database that knows no leaders: %v", err)
	}
}

func TestOverlappingCutsCompose(t *testing.T) {
	l := newLab(t, 3)
	l.cfg.MaxHarmed = 3
	a := l.begin(t, "n1|n2")
	b := l.begin(t, "n2|n3")
	eventually(t, "both observed", func() bool { return l.observed(0)() && l.observed(1)() })
	if err := l.End(context.Background(), a); err != nil || l.net.edges() != 2 {
		t.Errorf("%v, %d edges are cut", err, l.net.edges())
	}
	if err := l.End(context.Background(), b); err != nil || l.net.edges() != 0 {
		t.Errorf("%v, %d edges are cut", err, l.net.edges())
	}
}

// flap is a fault with steps of its own.
type flap struct {
	Partition
	steps chan int
}

func (f flap) Step(ctx context.Context, c *cluster.Cluster, s Spec, n int) (time.Duration, error) {
	select {
	case f.steps <- n:
	default:
	}
	return time.Millisecond, c.Cut(ctx, s.ID, s.Edges)
}

func TestStepsGoOnUntilTheEnd(t *testing.T) {
	l := newLab(t, 3)
	f := flap{steps: make(chan int, 100)}
	id, err := l.Begin(context.Background(), Kind{Name: "flap", Fault: f}, "one")
	if err != nil {
		t.Fatal(err)
	}
	for want := range 4 {
		if n := <-f.steps; n != want {
			t.Fatalf("step %d came when %d was due", n, want)
		}
	}
	if err := l.End(context.Background(), id); err != nil {
		t.Fatal(err)
	}
}

func TestWhatANodeCannotDoIsRefused(t *testing.T) {
	l := newLab(t, 3)
	l.cfg.Cluster.Nodes[1] = fakeNode{"n2", cluster.Exec}
	if _, err := l.Begin(context.Background(), Kinds()[0], "one"); err == nil || !strings.Contains(err.Error(), "n2 cannot do it: it needs net") {
		t.Error(err)
	}
	l.cfg.Cluster.Net = nil
	if _, err := l.Begin(context.Background(), Kinds()[0], "one"); !errors.Is(err, cluster.ErrNoNet) {
		t.Error(err)
	}
	if err := l.End(context.Background(), "w9"); err == nil {
		t.Error("a window that never was has ended")
	}
}

func TestTheCertificateIsBounded(t *testing.T) {
	var c certificate
	for i := range 1000 {
		c.add(&c.During, round{Time: time.Duration(i), state: fmt.Sprint(rand.IntN(3))})
		c.add(&c.After, round{Time: time.Duration(i), state: "same"})
	}
	if len(c.During) > mostRounds || c.During[0].Time != 0 || c.During[len(c.During)-1].Time != 999 {
		t.Errorf("%d rounds", len(c.During))
	}
	if len(c.After) != 2 || c.After[0].Time != 0 || c.After[1].Time != 999 || c.Skipped == 0 {
		t.Errorf("%+v", c.After)
	}
}
