package workloads

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

const (
	// logsRead is how many logs a client reads at once.
	logsRead = 3
	// pollsPerAssignment is how often a client polls before it reads other logs.
	pollsPerAssignment = 40
	// unassigned is the code of a poll that failed because the client's connection does not know what to read.
	unassigned = "unassigned"
)

// Log is the workload of logs: clients append unique records to logs, and read them on from where they stopped. A client
// is assigned some logs, and from time to time others. In the end each node's clients read all logs to their ends.
func Log() Workload {
	return Workload{
		Name:   "log",
		Doc:    "appends unique records to logs and reads them by their offsets; a record that was acknowledged must be in its log, once, at one offset, and be read in order",
		Object: "log",
		Ops:    []string{"send", "poll", "assign"},
		Flags: func(f *pflag.FlagSet) {
			f.Int("logs", 6, "logs in use at once")
			f.Int("records-per-log", 200, "records of a log before a new one takes its place")
		},
		Build: buildLog,
	}
}

func buildLog(o Options) (Built, error) {
	if o.Workers < len(o.Nodes) {
		return Built{}, fmt.Errorf("workload log reads from every node in the end, and %d clients do not reach %d nodes: take --concurrency 1n or more", o.Workers, len(o.Nodes))
	}
	inPlay, err := o.Params.Int("logs", 6)
	if err != nil {
		return Built{}, err
	}
	records, err := o.Params.Int("records-per-log", 200)
	if err != nil {
		return Built{}, err
	}
	if inPlay < 1 || records < 1 {
		return Built{}, fmt.Errorf("logs=%d, records-per-log=%d: expected 1 or more of both", inPlay, records)
	}
	l := &logs{key: o.RunID, sends: make([]int, inPlay), most: records}
	return Built{
		Main: Rate(o.Rate, EachProcess(func(int) Generator { return &logClient{logs: l} })),
		Final: TimeLimit(finalReadsFor, Lazy(func() Generator {
			var gs []Generator
			for i := range o.Nodes { // the first client of each
				gs = append(gs, OnWorkers(func(w int, _ string) bool { return w == i }, Delay(drainPause, &lastReader{assign: l.all()})))
			}
			return Any(gs...)
		})),
		Checkers: []string{"log", "stats", "recovery", "coverage"},
	}, nil
}

// logs are the logs of a run, known to all of its clients. Log i takes the place of log i-len(sends).
type logs struct {
	key   string
	sends []int // by place: how many records were sent to the log there
	made  []int // by place: how many logs were there before it
	most  int
}

// name is that of the log in a place.
func (l *logs) name(place int) history.Value {
	n := place
	if l.made != nil {
		n += l.made[place] * len(l.sends)
	}
	return history.Str(strconv.Itoa(n))
}

// sent counts a record, and replaces a log that has enough.
func (l *logs) sent(place int) {
	if l.sends[place]++; l.sends[place] < l.most {
		return
	}
	if l.made == nil {
		l.made = make([]int, len(l.sends))
	}
	l.sends[place] = 0
	l.made[place]++
}

// all assigns every log that ever was.
func (l *logs) all() history.Op {
	most := 0
	for _, n := range l.made {
		most = max(most, n)
	}
	var names []history.Value
	for i := range (most + 1) * len(l.sends) {
		names = append(names, history.Str(strconv.Itoa(i)))
	}
	return history.Op{F: "assign", Key: l.key, Value: history.List(names...)}
}

// logClient is one client: it is assigned logs, and then sends and polls.
type logClient struct {
	*logs
	polls    int // left before it is assigned others
	assigned bool
}

func (l *logClient) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op, draw := history.Op{F: "poll", Key: l.key, Process: process}, c.Draw(w, c.Count(w))
	switch {
	case !l.assigned || l.polls == 0:
		op.F, op.Value = "assign", l.some(draw)
	case draw%2 == 0:
		op.F, op.Value = "send", history.Pair(l.name(l.pick(draw)), history.Int(c.Unique(w)))
	}
	return op, c.Now, Ready
}

// pick is the place that a draw means.
func (l *logClient) pick(draw uint64) int { return int(draw >> 8 % uint64(len(l.sends))) }

// some is a few neighbouring logs of those in use.
func (l *logClient) some(draw uint64) history.Value {
	var names []history.Value
	for i := range min(logsRead, len(l.sends)) {
		names = append(names, l.name((l.pick(draw)+i)%len(l.sends)))
	}
	return history.List(names...)
}

func (l *logClient) Update(c *Ctx, op history.Op) {
	switch {
	case op.Type == history.Invoke && op.F == "send":
		w := c.WorkerOf(op.Process)
		l.sent(l.pick(c.Draw(w, c.Count(w))))
	case op.Type == history.Invoke:
	case op.F == "assign":
		l.assigned = op.Type == history.OK
		l.polls = pollsPerAssignment
	case op.F == "poll":
		l.polls--
		// A connection that was replaced may have forgotten it.
		l.assigned = l.assigned && op.Err.Code != unassigned
	}
}

// lastReader is the client of one node that reads all logs to their ends. It is done when a poll was ok and brought nothing.
type lastReader struct {
	assign         history.Op
	assigned, done bool
}

func (l *lastReader) Next(c *Ctx) (history.Op, time.Duration, Status) {
	_, process, ok := c.Next()
	switch {
	case l.done:
		return history.Op{}, 0, Done
	case !ok:
		return history.Op{}, 0, Pending
	}
	op := l.assign
	if l.assigned {
		op = history.Op{F: "poll", Key: op.Key}
	}
	op.Process = process
	return op, c.Now, Ready
}

func (l *lastReader) Update(_ *Ctx, op history.Op) {
	switch {
	case op.Type == history.Invoke:
	case op.F == "assign":
		l.assigned = op.Type == history.OK
	case op.Type == history.OK:
		var got map[string][]history.Value
		l.done = op.Value.Decode(&got) == nil
		for _, records := range got {
			l.done = l.done && len(records) == 0
		}
	default:
		l.assigned = l.assigned && op.Err.Code != unassigned
	}
}
