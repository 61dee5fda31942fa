package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) healCmd() *cobra.Command {
	return &cobra.Command{
		Use: "heal [ID...]", Short: "Undo every fault on clusters that are still up: rules and paused processes",
		Long: "It works by itself, without the run that set the faults: the agent on each node removes Partita's rules and\n" +
			"resumes what it paused. It never starts a database that was killed. A controller that died is healed by the\n" +
			"agents' lease after 20 s anyhow.",
		Example: "  partita heal\n  partita heal p7f3k2",
		RunE: func(c *cobra.Command, args []string) error {
			return a.eachCluster(c.Context(), args, func(ctx context.Context, f found) error {
				at, err := attachBeside(ctx, f.provider, f.cluster.ID)
				if err != nil {
					return fmt.Errorf("cluster %s: %w", f.cluster.ID, err)
				}
				var errs []error
				for _, n := range at.Nodes {
					u, ok := n.(interface{ Undo(context.Context) error })
					if !ok {
						errs = append(errs, fmt.Errorf("node %s cannot be healed by itself", n.Name()))
						continue
					}
					if err := u.Undo(ctx); err != nil {
						errs = append(errs, fmt.Errorf("heal %s: %w", n.Name(), err))
						continue
					}
					_, _ = fmt.Fprintf(a.stdout, "%s %s healed\n", f.cluster.ID, n.Name())
				}
				return errors.Join(append(errs, f.provider.Close(at))...)
			})
		},
	}
}
