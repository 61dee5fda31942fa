package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run"
)

func (a *app) clusterCmd() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "Make, list, use and remove clusters by hand", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.clusterUpCmd(), a.clusterDownCmd(), a.clusterLsCmd(), a.clusterExecCmd(), a.clusterLogsCmd())
	return c
}

func (a *app) clusterUpCmd() *cobra.Command {
	var nodes int
	var provider string
	var leave bool
	c := &cobra.Command{
		Use: "up TARGET", Short: "Bring up a cluster with a target's image, and leave it up", Args: cobra.ExactArgs(1),
		Example: "  partita cluster up etcd --node-count 5",
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.catalog.Target(args[0])
			if err != nil {
				return badArguments(err)
			}
			if t.Provider != nil {
				return badArguments(fmt.Errorf("the nodes of %s live inside the process of a run: none can be left up", t.Name))
			}
			db, err := t.DB(history.Params{})
			if err != nil {
				return err
			}
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			p, _, why, err := a.provider(ctx, provider)
			if err != nil {
				return environment(err)
			}
			if why != "" {
				_, _ = fmt.Fprintln(a.stderr, why)
			}
			id := cluster.NewID()
			a.remains.note(run.Progress{Cluster: id})
			cl, err := p.Up(ctx, cluster.Spec{ID: id, Nodes: nodes, Target: t.Name, Image: t.Image, Programs: t.Programs, Leave: leave, Daemons: db.Daemons(),
				Log: func(s string) { _, _ = fmt.Fprintln(a.stderr, s) }})
			if err != nil {
				return environment(err)
			}
			_, _ = fmt.Fprintf(a.stdout, "%s\t%s\n", cl.ID, strings.Join(cl.Names(), " "))
			if leave {
				return environment(p.Close(cl))
			}
			<-ctx.Done()
			down, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			return environment(p.Down(down, cl))
		},
	}
	c.Flags().IntVar(&nodes, "node-count", 3, "1, 3, 5 or 7")
	c.Flags().StringVar(&provider, "provider", auto, "where nodes come from: "+strings.Join(rungNames(), ", "))
	c.Flags().BoolVar(&leave, "leave", true, "leave it up when this command ends; --leave=false keeps it until Ctrl-C and removes it")
	return c
}

func (a *app) clusterDownCmd() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "down [ID...]", Short: "Remove clusters and everything that carries their label",
		Example: "  partita cluster down p7f3k2\n  partita cluster down --all",
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return badArguments(errors.New("cluster down: give the IDs of clusters (see 'partita cluster ls'), or --all"))
			}
			return a.eachCluster(c.Context(), args, func(ctx context.Context, f found) error {
				if err := f.provider.Down(ctx, f.cluster); err != nil {
					return fmt.Errorf("cluster %s: %w", f.cluster.ID, err)
				}
				_, err := fmt.Fprintf(a.stdout, "%s removed\n", f.cluster.ID)
				return err
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every cluster that Partita made here, whoever made it")
	return c
}

// eachCluster does f on the named clusters, or on all; it goes on past one that fails.
func (a *app) eachCluster(ctx context.Context, ids []string, f func(context.Context, found) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cls, err := a.findAll(ctx)
	if err != nil {
		return environment(err)
	}
	if len(ids) > 0 {
		if cls, err = pick(cls, ids); err != nil {
			return err
		}
	}
	var errs []error
	for _, cl := range cls {
		errs = append(errs, f(ctx, cl))
	}
	return environment(errors.Join(errs...))
}

func (a *app) clusterLsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the clusters that Partita made here", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.eachCluster(c.Context(), nil, func(_ context.Context, f found) error {
				_, err := fmt.Fprintf(a.stdout, "%s\t%s\t%s\n", f.cluster.ID, strings.Join(f.cluster.Names(), " "), f.rung)
				return err
			})
		},
	}
}

func (a *app) clusterExecCmd() *cobra.Command {
	return &cobra.Command{
		Use: "exec ID NODE -- COMMAND...", Short: "Run a command on a node, over SSH", Args: cobra.MinimumNArgs(3),
		Example: "  partita cluster exec p7f3k2 n1 -- iptables -S",
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNode(c.Context(), args[0], args[1], func(ctx context.Context, n cluster.Node) error {
				ex, ok := n.(cluster.Executor)
				if !ok {
					return badArguments(fmt.Errorf("node %s cannot run commands", n.Name()))
				}
				out, err := ex.Exec(ctx, cluster.Cmd{Args: args[2:], Stdin: a.stdin})
				_, _ = a.stdout.Write(out.Stdout)
				_, _ = a.stderr.Write(out.Stderr)
				var exit *cluster.ExitError
				if errors.As(err, &exit) {
					return &statusError{status: exit.Status}
				}
				return environment(err)
			})
		},
	}
}

func (a *app) clusterLogsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "logs ID NODE", Short: "Print the database's logs of a node", Args: cobra.ExactArgs(2),
		Example: "  partita cluster logs p7f3k2 n1",
		RunE: func(c *cobra.Command, args []string) error {
			return a.withNode(c.Context(), args[0], args[1], func(ctx context.Context, n cluster.Node) error {
				files, ok := n.(cluster.Files)
				if !ok {
					return badArguments(fmt.Errorf("the files of node %s cannot be read", n.Name()))
				}
				var missing []error
				printed := false
				for _, t := range a.catalog.Targets {
					db, err := t.DB(history.Params{})
					if err != nil {
						return err
					}
					lf, ok := db.(cluster.LogFiles)
					if !ok {
						continue
					}
					for _, path := range lf.LogFiles(n) {
						if err := files.Get(ctx, path, a.stdout, 0); err != nil {
							missing = append(missing, err)
							continue
						}
						printed = true
					}
				}
				if !printed {
					return environment(errors.Join(missing...))
				}
				return nil
			})
		},
	}
}

// withNode connects to a cluster that was left up and does f on one of its nodes.
func (a *app) withNode(ctx context.Context, id, node string, f func(context.Context, cluster.Node) error) error {
	ctx, stop := a.onInterrupt(ctx)
	defer stop()
	all, err := a.findAll(ctx)
	if err != nil {
		return environment(err)
	}
	at, err := pick(all, []string{id})
	if err != nil {
		return err
	}
	p := at[0].provider
	cl, err := attachBeside(ctx, p, id)
	if err != nil {
		return environment(err)
	}
	n, err := cl.Node(node)
	if err != nil {
		err = badArguments(err)
	} else {
		err = f(ctx, n)
	}
	if closeErr := p.Close(cl); err == nil && closeErr != nil {
		return environment(closeErr)
	}
	return err
}
