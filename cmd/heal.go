package cmd

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/cluster"
)

func (a *app) healCmd() *cobra.Command {
	return &cobra.Command{
		Use: "heal [ID...]", Short: "Undo every fault on clusters that are still up: rules and paused processes",
		Long: "It works by itself, without the run that set the faults: the agent on each node removes Partita's rules and\n" +
			"resumes what it paused. It never starts a database that was killed. A controller that died is healed by the\n" +
			"agents' lease after 20 s anyhow.",
		Example: "  partita heal\n  partita heal p7f3k2",
		RunE: func(c *cobra.Command, args []string) error {
			return a.eachCluster(c.Context(), args, func(ctx context.Context, p cluster.Provider, cl *cluster.Cluster) error {
				at, err := attachBeside(ctx, p, cl.ID)
				if err != nil {
					return fmt.Errorf("cluster %s: %w", cl.ID, err)
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
					_, _ = fmt.Fprintf(a.stdout, "%s %s healed\n", cl.ID, n.Name())
				}
				return errors.Join(append(errs, p.Close(at))...)
			})
		},
	}
}
