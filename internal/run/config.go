package run

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Config is one run, fully decided: the same Config on the same machine makes the same draws.
type Config struct {
	Catalog  *catalog.Catalog
	Target   catalog.Target
	Workload workloads.Workload
	Faults   []catalog.Fault
	Checkers []string // none: the workload's own
	Params   history.Params

	Provider     cluster.Provider
	ProviderName string
	Simulate     bool   // in virtual time, without a provider
	ClusterID    string // a cluster that was left up; "": make one
	Leave        bool   // leave cluster and database up afterwards
	Nodes        int

	Workers   int
	Seed      uint64
	TimeLimit time.Duration // of the main phase, warm-up included
	OpTimeout time.Duration
	Interval  time.Duration // from the beginning of one fault to the beginning of the next
	Overlap   bool          // let faults go on into the next one
	MaxHarmed int           // how many nodes all faults in force may harm together; 0: see nemesis.Config
	Rate      float64       // operations a second over all workers; 0: as fast as they go

	Store        string
	Command      string // exactly what repeats the run
	Version      string
	CheckTimeout time.Duration
	CheckMemory  int64 // bytes that a checker's process may use
	Limits       Limits

	Progress func(Progress)   // called about once a second and at each change of phase or fault; nil for none
	OnOp     func(history.Op) // sees each event after it was appended to the history, in order; quick; nil for none
	// Create makes the history of a run; nil: history.Create. A test watches or breaks the file by it.
	Create func(path string) (*history.Writer, error)
}

// Progress is how far a run is.
type Progress struct {
	Phase    string
	Dir      string        // the run's folder
	Cluster  string        // the cluster that is there, or is being made or removed; "" when none is
	Detail   string        // what is being done, "" for nothing to say
	Left     time.Duration // of the main phase; 0 elsewhere
	OK       int64
	Fail     int64
	Info     int64
	Faults   []string // commanded, and not yet seen to be gone
	Observed bool     // each of them was seen by a probe
}

// minRate is how many ok operations a second must be seen for minRateFor before the first fault.
const (
	minRate    = 10
	minRateFor = 2 * time.Second
	warmUpMost = 30 * time.Second
)

// nodeNames are the names that providers give to the nodes of a new cluster.
func nodeNames(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprintf("n%d", i+1)
	}
	return s
}

// NodeNames gives the names of the nodes of a cluster of n.
func NodeNames(n int) []string { return nodeNames(n) }

// mostWindows bounds the plan of one run.
const mostWindows = 10_000

// Validate refuses what cannot be run, with what to do.
func (c Config) Validate() error {
	switch {
	case c.Nodes < 1 || c.Nodes > 9:
		return fmt.Errorf("%d nodes: expected 1 to 9", c.Nodes)
	case c.Workers < 1 || c.Workers > 10_000:
		return fmt.Errorf("%d workers: expected --concurrency between 1 and 10000, or a multiple of the nodes such as 3n", c.Workers)
	case c.TimeLimit <= 0 || c.OpTimeout <= 0 || c.Interval <= 0:
		return fmt.Errorf("--time-limit %s, --op-timeout %s, --interval %s: each must be more than nothing", c.TimeLimit, c.OpTimeout, c.Interval)
	case len(c.Faults) > 0 && c.TimeLimit/c.Interval > mostWindows:
		return fmt.Errorf("--time-limit %s, --interval %s: more than %d windows", c.TimeLimit, c.Interval, mostWindows)
	case !(c.Rate >= 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("--rate %g: expected operations a second, or 0 for as fast as they go", c.Rate)
	case c.Simulate && c.Target.Simulate == nil:
		return fmt.Errorf("--simulate: %s is no simulated store: take the target sample", c.Target.Name)
	case c.Simulate && (c.ClusterID != "" || c.Leave):
		return errors.New("--simulate: no cluster is made: leave out --cluster and --leave-db-running")
	case c.MaxHarmed < 0 || c.MaxHarmed > c.Nodes:
		return fmt.Errorf("--max-harmed %d: expected 1 to %d nodes, or 0 for a minority", c.MaxHarmed, c.Nodes)
	case len(c.Faults) > 0 && c.Workers < c.Nodes:
		return fmt.Errorf("%d workers on %d nodes: with faults each node needs a client, or a side of a cut has nobody who tries; take --concurrency 1n or more", c.Workers, c.Nodes)
	}
	for _, n := range c.Checkers {
		if _, err := c.Catalog.Checker(n); err != nil {
			return err
		}
	}
	return nil
}

// faultNames gives --faults as it was asked for.
func (c Config) faultNames() []string {
	var s []string
	for _, f := range c.Faults {
		s = append(s, f.Name())
	}
	return s
}

// Describe prints the plan of a run for --dry-run.
func (c Config) Describe() string {
	var b strings.Builder
	line := func(k string, v any) { fmt.Fprintf(&b, "%-12s %v\n", k, v) }
	line("target", c.Target.Name)
	line("workload", c.Workload.Name)
	line("nodes", strings.Join(nodeNames(c.Nodes), " "))
	line("workers", c.Workers)
	line("seed", c.Seed)
	line("time limit", c.TimeLimit)
	line("op timeout", c.OpTimeout)
	names := make([]string, 0, len(c.Params))
	for k := range c.Params {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		line("param", k+"="+c.Params[k])
	}
	sched := c.schedule()
	if len(sched) == 0 {
		line("faults", "none")
	}
	for _, e := range sched {
		line("fault", fmt.Sprintf("at %s for %s: %s", minRateFor+e.At, e.For, e.Fault.Name()))
	}
	line("command", c.Command)
	return b.String()
}

// schedule lays the faults out over the time limit, counted from the end of the warm-up.
func (c Config) schedule() []nemesis.Entry {
	faults := make([]nemesis.Asked, len(c.Faults))
	for i, f := range c.Faults {
		faults[i] = nemesis.Asked(f)
	}
	return nemesis.Schedule(faults, nemesis.Timing{Length: c.TimeLimit - minRateFor, Interval: c.Interval, Overlap: c.Overlap, Seed: c.Seed})
}
