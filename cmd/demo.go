package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/store"
)

// demoRow is one run of the demo and the verdict that is expected of it.
type demoRow struct {
	what   string
	expect checker.Verdict
	args   []string
}

// demoRows are what the demo shows where nodes can be had: a database that keeps its promise, the same one asked for
// less, and one that promises less than many believe.
var demoRows = []demoRow{
	{"etcd, linearizable reads", checker.Valid, []string{"etcd", "--workload", "register", "--read-mode", "linearizable", "--faults", "partition:primaries", "--time-limit", "40s"}},
	{"etcd, serializable reads", checker.Invalid, []string{"etcd", "--workload", "register", "--read-mode", "serializable", "--faults", "partition:primaries", "--time-limit", "40s"}},
	{"Redis with Sentinel", checker.Invalid, []string{"redis-sentinel", "--workload", "set", "--faults", "partition:primaries", "--interval", "40s", "--time-limit", "40s"}},
}

// sampleRows are what it shows where none can be: the store inside this program, right and with two mistakes.
var sampleRows = []demoRow{
	{"sample store, as it should be", checker.Valid, []string{"sample", "--workload", "register", "--faults", "partition:primaries", "--time-limit", "20s"}},
	{"sample store, stale reads", checker.Invalid, []string{"sample", "--workload", "register", "--bug", "stale-follower-read", "--faults", "partition:minority", "--time-limit", "20s"}},
	{"sample store, writes lost at failover", checker.Invalid, []string{"sample", "--workload", "register", "--bug", "lost-write-on-failover", "--faults", "partition:primaries", "--time-limit", "20s"}},
}

// demoResult is one row of what --format json prints.
type demoResult struct {
	What     string          `json:"what"`
	Expected checker.Verdict `json:"expected"`
	Found    checker.Verdict `json:"found"`
	Ready    float64         `json:"ready_seconds"` // from nothing until the database serves on every node
	Nodes    float64         `json:"nodes_seconds"` // of that, until the nodes can be logged in to
	Report   string          `json:"report"`
}

// demoOut is what --format json prints.
type demoOut struct {
	Provider string       `json:"provider"`
	Why      string       `json:"why,omitempty"` // why not a better one
	Rows     []demoResult `json:"rows"`
}

// demoFlags are the flags of `partita demo`.
type demoFlags struct {
	seed                  uint64
	store, provider, form string
}

func (a *app) demoCmd() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use: "demo", Short: "Cut off whoever leads a real etcd and a real Redis, and compare the verdicts with what is expected",
		Long: "Takes the best way to get nodes that works here, and says why not a better one. Where none does it shows the\n" +
			"sample store, right and with two mistakes. Ends with status 0 when every verdict is the expected one.",
		Example: "  partita demo\n  partita demo --provider netns\n  partita demo --provider builtin", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.form != "text" && f.form != "json" {
				return badArguments(fmt.Errorf("--format %q: choose from text, json", f.form))
			}
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			return a.demo(ctx, f)
		},
	}
	c.Flags().Uint64Var(&f.seed, "seed", 0, "of every random draw; 0: new ones, printed")
	c.Flags().StringVar(&f.store, "store", "runs", "folder of the runs")
	c.Flags().StringVar(&f.provider, "provider", auto, providerHelp)
	c.Flags().StringVar(&f.form, "format", "text", "text or json")
	return c
}

func (a *app) demo(ctx context.Context, f demoFlags) error {
	var p cluster.Provider // nil: each run's target has its own
	out, rows := demoOut{Provider: f.provider}, demoRows
	if f.provider != sample.ProviderName {
		var err error
		p, out.Provider, out.Why, err = a.provider(ctx, f.provider)
		if errors.Is(err, errNoRung) {
			out.Provider, out.Why, err = sample.ProviderName, err.Error(), nil
		}
		if err != nil {
			return environment(err)
		}
	}
	if p == nil {
		rows = sampleRows
	}
	_, _ = fmt.Fprintln(a.stderr, "provider: "+out.Provider)
	if out.Why != "" {
		_, _ = fmt.Fprintln(a.stderr, out.Why)
	}
	text := a.stdout
	if f.form == "json" {
		a.stdout = a.stderr
		defer func() { a.stdout = text }()
	}
	agree := true
	for _, d := range rows {
		r, err := a.demoOnce(ctx, d, f, p, out.Provider)
		if err != nil {
			return err
		}
		out.Rows = append(out.Rows, r)
		agree = agree && r.Found == r.Expected
		_, _ = fmt.Fprintln(a.stdout)
	}
	if f.form == "json" {
		enc := json.NewEncoder(text)
		enc.SetIndent("", "  ")
		if err := enc.Encode(out); err != nil {
			return err
		}
	} else {
		tw := tabwriter.NewWriter(text, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(tw, "what\texpected\tfound\tready\treport")
		for _, r := range out.Rows {
			_, _ = fmt.Fprintf(tw, "%s\t%s\t%s\t%.1f s\t%s\n", r.What, r.Expected, r.Found, r.Ready, r.Report)
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	if !agree {
		return &statusError{statusInvalid, errors.New("a verdict is not the expected one: its report says why, and its repro.sh repeats it")}
	}
	return nil
}

// demoOnce does one run of the demo.
func (a *app) demoOnce(ctx context.Context, d demoRow, f demoFlags, p cluster.Provider, name string) (demoResult, error) {
	args := append(d.args[1:len(d.args):len(d.args)], "--store", f.store, "--provider", name)
	if f.seed != 0 {
		args = append(args, "--seed", fmt.Sprint(f.seed))
	}
	cfg, tf, err := a.preset(d.args[0], args...)
	if err != nil {
		return demoResult{}, err
	}
	cfg.Provider, cfg.ProviderName = p, name
	if p == nil {
		if cfg.Provider, _, _, err = a.providerFor(ctx, cfg.Target, cfg.Params, name); err != nil {
			return demoResult{}, err
		}
	}
	out, err := a.judgedOnce(ctx, cfg, tf)
	if err != nil {
		return demoResult{}, err
	}
	nodes, ready := readyAfter(out)
	return demoResult{
		What: d.what, Expected: d.expect, Found: out.Verdict.Verdict, Nodes: nodes.Seconds(), Ready: ready.Seconds(),
		Report: relative(filepath.Join(out.Dir, store.ReportFile)),
	}, nil
}

// readyAfter is how long it took until the nodes were there, and until the database served on each.
func readyAfter(out run.Outcome) (nodes, ready time.Duration) {
	for _, p := range out.Meta.Phases {
		switch p.Name {
		case "cluster up":
			nodes += p.Took
			ready += p.Took
		case "set-up":
			ready += p.Took
		}
	}
	return nodes, ready
}
