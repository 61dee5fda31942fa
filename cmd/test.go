package cmd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
)

// testFlags are the flags of `partita test`, under Jepsen's names where it has one.
type testFlags struct {
	workload    string
	nodes       int
	concurrency string
	timeLimit   time.Duration
	opTimeout   time.Duration
	interval    time.Duration
	overlap     bool
	maxHarmed   int
	rate        float64
	seed        uint64
	faults      []string
	checkers    []string
	params      []string
	provider    string
	simulate    bool
	cluster     string
	leave       bool
	count       int
	store       string
	format      string
	dryRun      bool
	logJSON     bool
	checkTime   time.Duration
	checkMemory int64

	batch *batch // of the verdicts, when they are not for people
}

func (f *testFlags) register(fs *pflag.FlagSet) {
	fs.StringVarP(&f.workload, "workload", "w", "", "what the clients do (see 'partita list workloads'); default: the target's")
	fs.IntVar(&f.nodes, "node-count", 3, "nodes of a new cluster: 1, 3, 5 or 7")
	fs.StringVar(&f.concurrency, "concurrency", "3n", "clients: a number, or a multiple of the nodes such as 3n; where windows are short the default is larger, so that each node is tried often enough in each")
	fs.DurationVar(&f.timeLimit, "time-limit", 60*time.Second, "how long the clients run, warm-up included")
	fs.DurationVar(&f.opTimeout, "op-timeout", time.Second, "after which an operation's outcome is unknown")
	fs.DurationVar(&f.interval, "interval", 20*time.Second, "from the beginning of one fault to the next; each is in force for half of it")
	fs.BoolVar(&f.overlap, "overlap", false, "let a fault go on into the next one, so that two are in force at once")
	fs.IntVar(&f.maxHarmed, "max-harmed", 0, "nodes that all faults in force may harm together; 0: a minority, and a fault that is alone as many as it says")
	fs.Float64Var(&f.rate, "rate", 0, "operations a second over all clients; 0: as fast as they go")
	fs.Uint64Var(&f.seed, "seed", 0, "of every random draw; 0: a new one, printed")
	fs.StringSliceVar(&f.faults, "faults", []string{"none"}, "KIND[:TARGET], comma separated (see 'partita list faults')")
	fs.StringSliceVar(&f.checkers, "checker", nil, "judge with these instead of the workload's own")
	fs.StringArrayVar(&f.params, "param", nil, "name=value, a parameter of target, workload or checker")
	fs.StringVar(&f.provider, "provider", "auto", providerHelp)
	fs.BoolVar(&f.simulate, "simulate", false, "run the target sample in virtual time: the same seed gives the same history, byte for byte")
	fs.StringVar(&f.cluster, "cluster", "", "use this cluster that was left up (see 'partita cluster ls')")
	fs.BoolVar(&f.leave, "leave-db-running", false, "leave cluster and database up afterwards")
	fs.IntVar(&f.count, "test-count", 1, "how many runs, one after the other, each with the next seed")
	fs.StringVar(&f.store, "store", "runs", "folder of the runs")
	fs.StringVar(&f.format, "format", "text", formatHelp)
	fs.BoolVar(&f.dryRun, "dry-run", false, "print the plan and do nothing")
	fs.BoolVar(&f.logJSON, "logging-json", false, "progress as JSON lines")
	fs.DurationVar(&f.checkTime, "check-timeout", 5*time.Minute, "after which a checker gives up with unknown")
	fs.Int64Var(&f.checkMemory, "check-memory", 4096, "MiB that a checker's process may use before it gives up with unknown")
}

func (a *app) testCmd() *cobra.Command { return a.testCmdWith(&testFlags{}).cmd }

// parsedTest is the test command with the owners of its parameters, for those that build a run without a command line.
type parsedTest struct {
	cmd    *cobra.Command
	owners paramOwners
}

func (a *app) testCmdWith(f *testFlags) parsedTest {
	c := &cobra.Command{
		Use: "test TARGET", Short: "Run a workload against a target under faults, and judge it",
		Long: "Brings up the target, drives concurrent clients, injects faults, records a history, checks it, and writes a report.\n\n" +
			"Exit status: 0 valid, 1 invalid, 2 unknown or inconclusive, 3 the environment failed, 130 interrupted, 254 bad arguments, 255 internal error.\n" +
			"Every flag also reads PARTITA_<FLAG> from the environment.",
		Example: `  partita test etcd -w register --faults partition:primaries
  partita test etcd -w register --read-mode serializable --faults partition:primaries
  partita test etcd -w set --faults partition:halves,partition:one --time-limit 2m --seed 7
  partita test etcd --faults partition,kill,pause --interval 10s --overlap
  partita test sample --simulate --bug stale-follower-read --faults partition:minority
  partita test etcd --dry-run`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, t := range a.catalog.Targets {
				names = append(names, t.Name+"\t"+t.Doc)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	c.Flags().SortFlags = false // help and the command that repeats a run keep the order of the flags
	f.register(c.Flags())
	owners := a.registerParams(c.Flags())
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, err := a.config(args[0], f, c.Flags(), owners)
		if err != nil {
			return badArguments(err)
		}
		if f.dryRun {
			_, err := fmt.Fprint(a.stdout, cfg.Describe())
			return err
		}
		return a.test(c.Context(), cfg, f)
	}
	return parsedTest{c, owners}
}

// preset decides about a run from its target and arguments, as `partita test TARGET ARGS` would, for commands that do several.
func (a *app) preset(target string, args ...string) (run.Config, *testFlags, error) {
	f := &testFlags{}
	test := a.testCmdWith(f)
	if err := test.cmd.Flags().Parse(args); err != nil {
		return run.Config{}, nil, err
	}
	cfg, err := a.config(target, f, test.cmd.Flags(), test.owners)
	return cfg, f, err
}

// judgedOnce does one run; the error is of one that came to no verdict.
func (a *app) judgedOnce(ctx context.Context, cfg run.Config, f *testFlags) (run.Outcome, error) {
	out, s := a.testOnce(ctx, cfg, f)
	if s != nil && s.status != statusInvalid && s.status != statusUnknown {
		return out, s
	}
	return out, nil
}

// config decides everything about a run from its flags.
func (a *app) config(target string, f *testFlags, fs *pflag.FlagSet, owners paramOwners) (cfg run.Config, err error) {
	t, err := a.catalog.Target(target)
	if err != nil {
		return cfg, err
	}
	if f.workload == "" {
		f.workload = t.Default
	}
	w, err := a.catalog.Workload(t, f.workload)
	if err != nil {
		return cfg, err
	}
	params, err := owners.collect(fs, t, w, f.params)
	if err != nil {
		return cfg, err
	}
	if _, err := t.Driver(params); err != nil {
		return cfg, err
	}
	if _, err := t.DB(params); err != nil {
		return cfg, err
	}
	if !fs.Changed("concurrency") && !onlyNone(f.faults) {
		f.concurrency = strconv.Itoa(clientsPerNode(f.interval, f.opTimeout)) + "n"
	}
	if f.nodes < 1 || f.nodes > 9 { // before anything is made for each of them
		return cfg, fmt.Errorf("--node-count %d: expected 1 to 9", f.nodes)
	}
	workers, err := concurrency(f.concurrency, f.nodes)
	if err != nil {
		return cfg, err
	}
	faults, err := a.catalog.ParseFaults(f.faults, run.NodeNames(f.nodes))
	if err != nil {
		return cfg, err
	}
	if err := checkFormat(f.format); err != nil {
		return cfg, err
	}
	if f.count < 1 {
		return cfg, fmt.Errorf("--test-count %d: expected at least 1", f.count)
	}
	if f.seed == 0 {
		f.seed = uint64(rand.Uint32()) + 1 // the one draw that no seed decides; it is printed and kept
	}
	cfg = run.Config{
		Catalog: a.catalog, Target: t, Workload: w, Faults: faults, Checkers: f.checkers, Params: params,
		ProviderName: f.provider, Simulate: f.simulate, ClusterID: f.cluster, Leave: f.leave, Nodes: f.nodes, Workers: workers, Seed: f.seed,
		TimeLimit: f.timeLimit, OpTimeout: f.opTimeout, Interval: f.interval, Overlap: f.overlap, MaxHarmed: f.maxHarmed, Rate: f.rate, Store: f.store,
		Version: version(), CheckTimeout: f.checkTime, CheckMemory: f.checkMemory << 20,
	}
	cfg.Command = repeatCommand(target, fs, f.seed)
	return cfg, cfg.Validate()
}

// concurrency reads --concurrency: a number, or a multiple of the nodes.
func concurrency(s string, nodes int) (int, error) {
	num, mult := s, 1
	if rest, ok := strings.CutSuffix(s, "n"); ok {
		num, mult = rest, nodes
	}
	n, err := strconv.Atoi(num)
	if err != nil || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("--concurrency %q: expected a number such as 10, or a multiple of the nodes such as 3n", s)
	}
	return n * mult, nil
}

// clientsPerNode is how many clients a node needs by default: where every operation waits for its time-out, as at a node
// that is paused or cut off, they must still try more than the 20 times that coverage asks for in half an interval, of
// which each client may miss one operation.
func clientsPerNode(interval, opTimeout time.Duration) int {
	const few, many, attempts = 3, 12, 24
	each := max(1, int(interval/2/max(opTimeout, 1))-1)
	return min(max(few, (attempts+each-1)/each), many)
}

func onlyNone(faults []string) bool {
	return !slices.ContainsFunc(faults, func(s string) bool { s = strings.TrimSpace(s); return s != "" && s != "none" })
}

// repeatCommand is the command that repeats a run: the same flags, with the seed that was drawn.
func repeatCommand(target string, fs *pflag.FlagSet, seed uint64) string {
	args := []string{"partita", "test", target}
	fs.Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "seed", "format", "store", "cluster", "leave-db-running", "test-count", "dry-run", "logging-json":
			return
		case "param":
			for _, p := range f.Value.(pflag.SliceValue).GetSlice() {
				args = append(args, "--param", shellWord(p))
			}
			return
		}
		v := f.Value.String()
		if s, ok := f.Value.(pflag.SliceValue); ok {
			v = strings.Join(s.GetSlice(), ",")
		}
		if f.Value.Type() == "bool" {
			args = append(args, "--"+f.Name+"="+v)
			return
		}
		args = append(args, "--"+f.Name, shellWord(v))
	})
	return strings.Join(append(args, "--seed", strconv.FormatUint(seed, 10)), " ")
}

// shellWord quotes a word for a person's shell when it has to be.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// test does the runs, one after the other, and ends with the worst status.
func (a *app) test(ctx context.Context, cfg run.Config, f *testFlags) error {
	if cfg.Simulate {
		cfg.ProviderName = "simulated"
	} else {
		p, name, why, err := a.providerFor(ctx, cfg.Target, cfg.Params, f.provider)
		if err != nil {
			return environment(err)
		}
		cfg.Provider, cfg.ProviderName = p, name
		if why != "" {
			_, _ = fmt.Fprintln(a.stderr, why)
		}
	}
	ctx, stop := a.onInterrupt(ctx)
	defer stop()
	f.batch = a.newBatch(f.format)
	var worst *statusError
	for i := range f.count {
		c := cfg
		c.Seed += uint64(i)
		if i > 0 {
			c.Command = strings.TrimSuffix(c.Command, strconv.FormatUint(cfg.Seed, 10)) + strconv.FormatUint(c.Seed, 10)
		}
		if _, s := a.testOnce(ctx, c, f); s != nil && (worst == nil || rank(s.status) > rank(worst.status)) {
			worst = s
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := f.batch.end(); err != nil {
		return &statusError{statusInternal, err}
	}
	if worst != nil {
		return worst
	}
	return nil
}

// rank orders exit statuses by what a caller must hear first.
func rank(status int) int {
	for i, s := range []int{statusValid, statusUnknown, statusEnvironment, statusInvalid, statusInterrupted} {
		if s == status {
			return i
		}
	}
	return statusInternal
}

// testOnce does one run and prints its result; the statusError is nil when it is valid.
func (a *app) testOnce(ctx context.Context, cfg run.Config, f *testFlags) (run.Outcome, *statusError) {
	line := newLine(a.stderr, f.logJSON)
	cfg.Progress = func(p run.Progress) {
		a.remains.note(p)
		line.show(p)
	}
	_, _ = fmt.Fprintf(a.stderr, "%s\n", cfg.Command)
	out, err := run.Run(ctx, cfg)
	line.end()
	if out.Dir != "" {
		if err := a.printResult(out, f); err != nil {
			return out, &statusError{statusInternal, err}
		}
	}
	var env *run.EnvironmentError
	switch {
	case out.Interrupted:
		return out, &statusError{status: statusInterrupted}
	case errors.As(err, &env):
		return out, &statusError{statusEnvironment, err}
	case err != nil:
		return out, &statusError{statusArguments, err}
	}
	if s := verdictStatus(out.Verdict.Verdict); s != statusValid {
		return out, &statusError{status: s}
	}
	return out, nil
}

func (a *app) printResult(out run.Outcome, f *testFlags) error {
	if f.format == "text" {
		return report.Text(a.stdout, relative(filepath.Join(out.Dir, store.ReportFile)), out.Verdict, out.Meta, useColour(a.stdout))
	}
	return f.batch.add(out.Dir, out.Verdict, out.Meta)
}

// relative gives a path below the working directory as a person would type it.
func relative(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	r, err := filepath.Rel(wd, path)
	if err != nil || strings.HasPrefix(r, "..") {
		return path
	}
	return r
}
