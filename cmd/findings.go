package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/findings"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
)

func (a *app) findingsCmd() *cobra.Command {
	var only []string
	var seeds uint64
	var dir, file string
	var list bool
	c := &cobra.Command{
		Use: "findings", Short: "Reproduce what is known to be found, and compare it with what is expected",
		Long: "Runs the rows of a table that comes with the program: findings that must be found, and beside them controls that must be clean.\n" +
			"What was done before is not done again: remove findings.json in the folder of the runs to begin anew.\n\n" +
			"Ends with status 0 when every row is reproduced: nine of ten seeds of a finding, all of a control, one of a rare one.",
		Example: "  partita findings --list\n  partita findings --only postgresql --seeds 3",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			rows, err := findings.Rows(file)
			if err != nil {
				return badArguments(err)
			}
			chosen, err := findings.Only(rows, only)
			if err != nil {
				return badArguments(err)
			}
			if list {
				return a.listFindings(chosen)
			}
			if seeds < 1 {
				return badArguments(fmt.Errorf("--seeds %d: expected at least 1", seeds))
			}
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			f := finder{a: a, dir: dir, all: rows, providers: map[string]cluster.Provider{}}
			if f.done, err = findings.Load(dir); err != nil {
				return badArguments(err)
			}
			for _, r := range chosen {
				for seed := uint64(1); seed <= seeds; seed++ {
					if err := f.row(ctx, r, seed); err != nil {
						return err
					}
				}
			}
			return a.printTable(dir, findings.Sum(chosen, f.done))
		},
	}
	c.Flags().StringSliceVar(&only, "only", nil, "targets, or beginnings of rows' names")
	c.Flags().Uint64Var(&seeds, "seeds", 3, "how many seeds of each row: 1, 2, 3 …")
	c.Flags().StringVar(&file, "file", "", "a table of your own instead of the one that comes with the program")
	c.Flags().StringVar(&dir, "store", "runs", "folder of the runs, of findings.json and of findings.md")
	c.Flags().BoolVar(&list, "list", false, "print the rows and run nothing")
	return c
}

func (a *app) listFindings(rows []findings.Row) error {
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "row\texpected\tcommand")
	for _, r := range rows {
		_, _ = fmt.Fprintf(tw, "%s\t%s\tpartita test %s %s\n", r.Name, r.Wanted(), r.Target, strings.Join(r.Args, " "))
	}
	return tw.Flush()
}

// finder runs rows.
type finder struct {
	a         *app
	dir       string
	all       []findings.Row
	done      []findings.Result
	providers map[string]cluster.Provider // by rung: one for all runs
}

// row does one seed of a row, unless it was done before by the same command.
func (f *finder) row(ctx context.Context, r findings.Row, seed uint64) error {
	cfg, flags, err := f.a.preset(r.Target, append(slices.Clone(r.Args), "--store", f.dir, "--seed", fmt.Sprint(seed))...)
	if err != nil {
		return fmt.Errorf("row %s of the findings: %w", r.Name, err)
	}
	if slices.ContainsFunc(f.done, func(x findings.Result) bool {
		return x.Row == r.Name && x.Seed == seed && x.Command == cfg.Command
	}) {
		return nil
	}
	f.done = slices.DeleteFunc(f.done, func(x findings.Result) bool { return x.Row == r.Name && x.Seed == seed })
	if cfg.Simulate {
		cfg.ProviderName = "simulated"
	} else if err := f.provide(ctx, &cfg, flags.provider); err != nil {
		return err
	}
	out, err := f.a.judgedOnce(ctx, cfg, flags)
	if err != nil {
		return err
	}
	x := findings.Result{
		Row: r.Name, Seed: seed, Command: cfg.Command, Verdict: out.Verdict.Verdict, Summary: out.Verdict.Summary, Dir: relative(out.Dir),
	}
	for _, k := range out.Verdict.Checkers {
		for _, an := range k.Anomalies {
			x.Anomalies = append(x.Anomalies, an.Name)
		}
	}
	slices.Sort(x.Anomalies)
	x.Anomalies = slices.Compact(x.Anomalies)
	if r.Again != nil {
		if x.Again, err = f.again(ctx, out.Dir, r.Again.Params); err != nil {
			return err
		}
	}
	f.done = append(f.done, x)
	slices.SortStableFunc(f.done, func(x, y findings.Result) int {
		at := func(name string) int {
			return slices.IndexFunc(f.all, func(r findings.Row) bool { return r.Name == name })
		}
		return cmp.Or(cmp.Compare(at(x.Row), at(y.Row)), cmp.Compare(x.Seed, y.Seed))
	})
	_, _ = fmt.Fprintln(f.a.stdout)
	return findings.Save(f.dir, f.all, f.done)
}

func (f *finder) provide(ctx context.Context, cfg *run.Config, name string) error {
	key := cfg.Target.Rung + " " + name
	p, name, why, err := f.providers[key], cfg.ProviderName, "", error(nil)
	if p == nil {
		if p, name, why, err = f.a.providerFor(ctx, cfg.Target, cfg.Params, name); err != nil {
			return environment(err)
		}
		if why != "" {
			_, _ = fmt.Fprintln(f.a.stderr, why)
		}
		if cfg.Target.Provider == nil { // one of a target's own is made for the parameters of one run
			f.providers[key] = p
		}
	}
	cfg.Provider, cfg.ProviderName = p, name
	return nil
}

// again judges a run's folder by other parameters.
func (f *finder) again(ctx context.Context, dir string, params history.Params) (v checker.Verdict, err error) {
	d, err := store.Open(dir)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	w, err := run.Check(ctx, f.a.catalog, d, run.CheckOptions{Params: params})
	return w.Verdict, err
}

func (a *app) printTable(dir string, lines []findings.Line) error {
	tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(tw, "row\texpected\tfound\tseeds that agree")
	var not []string
	for _, l := range lines {
		_, _ = fmt.Fprintf(tw, "%s\t%s\t%s\t%d of %d\n", l.Name, l.Wanted(), l.Came(), l.Agreeing, l.Seeds)
		if !l.Reproduced() {
			not = append(not, l.Name)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(not) > 0 {
		return &statusError{statusInvalid, fmt.Errorf("not reproduced: %s: %s names the folder of each run", strings.Join(not, ", "), filepath.Join(dir, findings.JSONFile))}
	}
	return nil
}
