package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
)

// demoRows are what `make demo` shows: a database that keeps its promise, the same one asked for less, and one that
// promises less than many believe.
var demoRows = []struct {
	what   string
	expect checker.Verdict
	args   []string
}{
	{"etcd, linearizable reads", checker.Valid, []string{"etcd", "--workload", "register", "--read-mode", "linearizable", "--faults", "partition:primaries", "--time-limit", "40s"}},
	{"etcd, serializable reads", checker.Invalid, []string{"etcd", "--workload", "register", "--read-mode", "serializable", "--faults", "partition:primaries", "--time-limit", "40s"}},
	{"Redis with Sentinel", checker.Invalid, []string{"redis-sentinel", "--workload", "set", "--faults", "partition:primaries", "--interval", "40s", "--time-limit", "40s"}},
}

func (a *app) demoCmd() *cobra.Command {
	var seed uint64
	var dir string
	c := &cobra.Command{
		Use: "demo", Short: "Cut off whoever leads a real etcd and a real Redis, and compare the verdicts with what is expected",
		Long:    "Ends with status 0 when every verdict is the expected one.",
		Example: "  partita demo", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			p, name, why, err := a.provider(ctx, auto)
			if err != nil {
				return environment(err)
			}
			_, _ = fmt.Fprintln(a.stderr, strings.TrimSpace("provider: "+name+". "+why))
			type row struct {
				what          string
				expect, found checker.Verdict
				out           run.Outcome
			}
			var rows []row
			agree := true
			for _, d := range demoRows {
				f := &testFlags{}
				test := a.testCmdWith(f)
				args := append(d.args[1:], "--store", dir)
				if seed != 0 {
					args = append(args, "--seed", fmt.Sprint(seed))
				}
				if err := test.cmd.Flags().Parse(args); err != nil {
					return err
				}
				cfg, err := a.config(d.args[0], f, test.cmd.Flags(), test.owners)
				if err != nil {
					return err
				}
				cfg.Provider, cfg.ProviderName = p, name
				out, status := a.testOnce(ctx, cfg, f)
				if status != nil && status.status != statusInvalid && status.status != statusUnknown {
					return status
				}
				rows = append(rows, row{d.what, d.expect, out.Verdict.Verdict, out})
				agree = agree && out.Verdict.Verdict == d.expect
				_, _ = fmt.Fprintln(a.stdout)
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			_, _ = fmt.Fprintln(tw, "what\texpected\tfound\treport")
			for _, r := range rows {
				_, _ = fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", r.what, r.expect, r.found, relative(filepath.Join(r.out.Dir, store.ReportFile)))
			}
			if err := tw.Flush(); err != nil {
				return err
			}
			if !agree {
				return &statusError{statusInvalid, errors.New("a verdict is not the expected one: its report says why, and its repro.sh repeats it")}
			}
			return nil
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "of every random draw; 0: new ones, printed")
	c.Flags().StringVar(&dir, "store", "runs", "folder of the runs")
	return c
}
