package cmd

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/internal/store"
)

var listWhat = []string{"targets", "workloads", "faults", "checkers", "runs"}

func (a *app) listCmd() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use: "list [targets|workloads|faults|checkers|runs]", Short: "List what there is, each with a sentence",
		Example:   "  partita list\n  partita list faults\n  partita list runs --store runs",
		ValidArgs: listWhat, Args: cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		RunE: func(c *cobra.Command, args []string) error {
			what := listWhat
			if len(args) == 1 {
				what = args
			}
			tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			for i, w := range what {
				if len(what) > 1 {
					if i > 0 {
						_, _ = fmt.Fprintln(tw)
					}
					_, _ = fmt.Fprintf(tw, "%s:\n", w)
				}
				rows, err := a.rows(w, dir)
				if err != nil {
					return err
				}
				for _, r := range rows {
					_, _ = fmt.Fprintf(tw, "  %s\n", strings.Join(r, "\t"))
				}
			}
			return tw.Flush()
		},
	}
	c.Flags().StringVar(&dir, "store", "runs", "folder of the runs")
	return c
}

func (a *app) rows(what, dir string) (rows [][]string, err error) {
	switch what {
	case "targets":
		for _, t := range a.catalog.Targets {
			ws, err := a.catalog.WorkloadsFor(t)
			if err != nil {
				return nil, err
			}
			var names []string
			for _, w := range ws {
				names = append(names, w.Name)
			}
			rows = append(rows, []string{t.Name, t.Doc + " Workloads: " + strings.Join(names, ", ") + "."})
		}
	case "workloads":
		for _, w := range a.catalog.Workloads {
			rows = append(rows, []string{w.Name, w.Doc})
		}
	case "faults":
		for _, k := range a.catalog.Faults {
			rows = append(rows, []string{k.Name, k.Doc})
			for _, s := range k.Fault.Selectors() {
				rows = append(rows, []string{"  " + k.Name + ":" + s.Name, s.Doc})
			}
		}
	case "checkers":
		for _, s := range a.catalog.Checkers {
			rows = append(rows, []string{s.Name, s.Doc})
		}
	case "runs":
		return runs(dir)
	}
	return rows, nil
}

// runs lists the run folders below dir, oldest first, with their verdicts.
func runs(dir string) (rows [][]string, err error) {
	metas, err := filepath.Glob(filepath.Join(dir, "*", "*", store.MetaFile))
	if err != nil {
		return nil, badArguments(err)
	}
	for _, m := range metas {
		path := filepath.Dir(m)
		if fi, err := os.Lstat(path); err != nil || fi.Mode()&fs.ModeSymlink != 0 {
			continue
		}
		verdict := "no verdict"
		var v store.Verdict
		if b, err := os.ReadFile(filepath.Join(path, store.VerdictFile)); err == nil && json.Unmarshal(b, &v) == nil {
			verdict = v.Verdict.String()
		}
		rows = append(rows, []string{verdict, path, v.Summary})
	}
	return rows, nil
}
