package workloads

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

const (
	// drainPause is the time between two dequeues through one node when a queue is emptied.
	drainPause = 10 * time.Millisecond
	// defaultBacklog is how many messages a queue may hold before no more are put in.
	defaultBacklog = 200
)

// Queue is the workload of one queue: unique messages go in through every node and come out through every node, and in the
// end each node takes what is left until the queue says that it is empty.
func Queue() Workload {
	return Workload{
		Name:   "queue",
		Doc:    "puts unique messages into one queue and takes them out; in the end, with the queue empty, each message that was acknowledged must have come out",
		Object: "queue",
		Ops:    []string{"enqueue", "dequeue"},
		Flags: func(f *pflag.FlagSet) {
			f.String("delivery", "at-least-once", "what was promised of each message: at-most-once, at-least-once or exactly-once")
			f.String("order", "none", "what was promised of the order: none, producer (that of each client) or fifo (that of all)")
			f.Int("backlog", defaultBacklog, "messages that may wait in the queue; with more of them clients only take messages out")
		},
		Build: buildQueue,
	}
}

func buildQueue(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload queue empties the queue through every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	most, err := o.Params.Int("backlog", defaultBacklog)
	if err != nil {
		return Built{}, err
	}
	if most < 1 {
		return Built{}, fmt.Errorf("backlog=%d: expected 1 or more messages", most)
	}
	take := history.Op{F: "dequeue", Key: o.RunID}
	return Built{
		Main:     Rate(o.Rate, &backlog{key: o.RunID, most: most, waiting: map[history.Value]bool{}, taken: map[history.Value]bool{}}),
		Final:    TimeLimit(finalReadsFor, untilEmpty(o, take)),
		Checkers: []string{"total-queue", "stats", "recovery", "coverage"},
	}, nil
}

// backlog puts messages in and takes them out, half and half while not too many of them wait.
type backlog struct {
	key     string
	most    int
	waiting map[history.Value]bool // acknowledged and not yet taken, as far as it was told
	taken   map[history.Value]bool // before it was acknowledged
}

func (b *backlog) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op := history.Op{F: "dequeue", Key: b.key, Process: process}
	if len(b.waiting) < b.most && c.Draw(w, c.Count(w))%2 == 0 {
		op.F, op.Value = "enqueue", history.Int(c.Unique(w))
	}
	return op, c.Now, Ready
}

func (b *backlog) Update(_ *Ctx, op history.Op) {
	switch {
	case op.Type != history.OK:
	case op.F == "enqueue" && b.taken[op.Value]:
		delete(b.taken, op.Value)
	case op.F == "enqueue":
		b.waiting[op.Value] = true
	case b.waiting[op.Value]:
		delete(b.waiting, op.Value)
	case !op.Value.IsNil():
		b.taken[op.Value] = true
	}
}

// untilEmpty emits op, which takes something out, by the clients of each node until one of them is told that nothing is there.
func untilEmpty(o Options, op history.Op) Generator {
	var gs []Generator
	for _, n := range o.Nodes {
		gs = append(gs, OnNode(n, &emptied{part: part{Generator: Delay(drainPause, Repeat(op))}}))
	}
	return Any(gs...)
}

// emptied is done when an operation was ok with nothing.
type emptied struct {
	part
	done bool
}

func (e *emptied) Next(c *Ctx) (history.Op, time.Duration, Status) {
	if e.done {
		return history.Op{}, 0, Done
	}
	return e.next(c)
}

func (e *emptied) Update(c *Ctx, op history.Op) {
	e.done = e.done || op.Type == history.OK && op.Value.IsNil()
	e.update(c, op)
}
