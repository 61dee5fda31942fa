package workloads_test

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/workloads"
)

// sim is a world in virtual time: an operation takes effect when it is submitted and is answered some time later,
// except on a node that is cut off, where it is lost and ends when its time is over.
type sim struct {
	now     time.Duration
	answers answers
	seq     int
	store   *memory.Driver

	latency  time.Duration // of worker w: (w+1) of it, so that nothing happens at once by accident
	timeout  time.Duration
	cut      string // this node is cut off, from … to
	from, to time.Duration
}

type answer struct {
	at  time.Duration
	seq int
	op  history.Op
}

type answers []answer

func (a answers) Len() int { return len(a) }
func (a answers) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a answers) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *answers) Push(x any)   { *a = append(*a, x.(answer)) }
func (a *answers) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (s *sim) Now() time.Duration { return s.now }

func (s *sim) Submit(worker int, op history.Op) {
	took := s.latency * time.Duration(worker+1)
	switch {
	case op.Process < 0:
		op.Type, took = history.Info, s.latency
	case op.Node != "" && op.Node == s.cut && s.now >= s.from && s.now < s.to:
		took = s.timeout
		op.Type, op.Err = history.Info, history.Err{Code: "timeout"}
		if op.F == "read" {
			op.Type = history.Fail
		}
	default:
		c, err := s.store.Open(context.Background(), nil, nil, op.Process)
		if err != nil {
			panic(err)
		}
		v, ext, err := c.Invoke(context.Background(), op)
		op.Err = clients.ErrorOf(err)
		if op.Type = history.OK; err != nil {
			op.Type = history.Fail
		} else {
			op.Value, op.Ext = v, ext
		}
	}
	op.Took = took
	s.seq++
	heap.Push(&s.answers, answer{s.now + took, s.seq, op})
}

func (s *sim) Next(until time.Duration) (history.Op, bool) {
	if len(s.answers) > 0 && s.answers[0].at <= max(until, s.now) {
		a := heap.Pop(&s.answers).(answer)
		s.now = max(s.now, a.at)
		return a.op, true
	}
	if len(s.answers) > 0 || until < 1<<62 {
		s.now = max(s.now, until)
	}
	return history.Op{}, false
}

// twice asks its generator twice each time: a peek must change nothing.
type twice struct {
	workloads.Generator
	t *testing.T
}

func (w twice) Next(c *workloads.Ctx) (history.Op, time.Duration, workloads.Status) {
	op1, at1, s1 := w.Generator.Next(c)
	op2, at2, s2 := w.Generator.Next(c)
	if op1 != op2 || at1 != at2 || s1 != s2 {
		w.t.Fatalf("asked twice, it says %+v at %s (%d) and then %+v at %s (%d)", op1, at1, s1, op2, at2, s2)
	}
	return op2, at2, s2
}

// try is a run in a simulated world.
type try struct {
	world   *sim
	nodes   []string
	workers int
	seed    uint64
	params  history.Params
	ops     []history.Op
}

func (r *try) Append(op history.Op) error {
	r.ops = append(r.ops, op)
	if len(r.ops) > 1_000_000 {
		return errors.New("it does not end")
	}
	return nil
}

func newTry(object string, workers, nodes int) *try {
	r := &try{workers: workers, seed: 1, params: history.Params{}, world: &sim{latency: time.Millisecond, timeout: time.Second, store: memory.New(object)}}
	for i := range nodes {
		r.nodes = append(r.nodes, fmt.Sprintf("n%d", i+1))
	}
	return r
}

func (r *try) options() workloads.Options {
	return workloads.Options{RunID: "run", Nodes: r.nodes, Workers: r.workers, Params: r.params}
}

func (r *try) run(t *testing.T, gs ...workloads.Generator) {
	t.Helper()
	var c *cluster.Cluster
	if len(r.nodes) > 0 {
		c = memory.Nodes(r.nodes...)
	}
	s, err := sched.New(sched.Config{Cluster: c, Workers: r.workers, Seed: r.seed, History: r, World: r.world})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range gs {
		if err := s.Run(context.Background(), twice{g, t}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := history.NewView(r.ops); err != nil {
		t.Fatal(err)
	}
}

// transcript is the history for people.
func (r *try) transcript() string {
	var b strings.Builder
	for _, o := range r.ops {
		who := fmt.Sprintf("p%d", o.Process)
		if o.Process < 0 {
			who = "nem"
		}
		line := fmt.Sprintf("%7s %-4s %-3s %-6s %s %s %s %s", o.Time.Round(10*time.Microsecond), who, o.Node, o.Type, o.F, o.Key, o.Value, o.Ext)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func (r *try) invokes() []history.Op {
	return slices.DeleteFunc(slices.Clone(r.ops), func(o history.Op) bool { return o.Type != history.Invoke })
}
