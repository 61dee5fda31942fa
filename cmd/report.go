package cmd

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/store"
)

func (a *app) reportCmd() *cobra.Command {
	return &cobra.Command{
		Use: "report RUN...", Short: "Draw the page and the JUnit file of a run again",
		Example: "  partita report runs/etcd-register-partition-primaries/latest",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, p := range args {
				d, err := store.Open(p)
				if err != nil {
					return badArguments(fmt.Errorf("%w: expected the folder of a run (see 'partita list runs')", err))
				}
				err = errors.Join(report.Write(d), report.JUnit(d), d.Close())
				if err != nil {
					return badArguments(err)
				}
				_, _ = fmt.Fprintln(a.stdout, filepath.Join(d.Path, store.ReportFile))
			}
			return nil
		},
	}
}
