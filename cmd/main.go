package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/judge"
	"github.com/partita-dev/partita/internal/netns"
	"github.com/partita-dev/partita/nemesis"
	"github.com/partita-dev/partita/workloads"
)

// Target is a system under test that a user's own main can add.
type Target = catalog.Target

// Option adds to what the command line knows.
type Option func(*catalog.Catalog)

// Addition is what With takes.
type Addition interface {
	Target | workloads.Workload | nemesis.Kind | checker.Spec
}

// With adds a target, a workload, a fault or a checker; one of the same name takes the place of ours.
func With[T Addition](x T) Option {
	return func(c *catalog.Catalog) {
		switch x := any(x).(type) {
		case Target:
			c.Targets = replace(c.Targets, x, func(t Target) string { return t.Name })
		case workloads.Workload:
			c.Workloads = replace(c.Workloads, x, func(w workloads.Workload) string { return w.Name })
		case nemesis.Kind:
			c.Faults = replace(c.Faults, x, func(k nemesis.Kind) string { return k.Name })
		case checker.Spec:
			c.Checkers = replace(c.Checkers, x, func(s checker.Spec) string { return s.Name })
		}
	}
}

func replace[T any](xs []T, x T, name func(T) string) []T {
	for i := range xs {
		if name(xs[i]) == name(x) {
			xs[i] = x
			return xs
		}
	}
	return append(xs, x)
}

// The exit statuses.
const (
	statusValid       = 0
	statusInvalid     = 1
	statusUnknown     = 2
	statusEnvironment = 3
	statusInterrupted = 130
	statusArguments   = 254
	statusInternal    = 255
)

// statusError is an error that says with which status the program ends. Without Err nothing is printed.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("status %d", e.status)
	}
	return e.err.Error()
}
func (e *statusError) Unwrap() error { return e.err }

func badArguments(err error) error {
	var s *statusError
	if err == nil || errors.As(err, &s) {
		return err
	}
	return &statusError{statusArguments, err}
}

func environment(err error) error {
	var s *statusError
	if err == nil || errors.As(err, &s) {
		return err
	}
	return &statusError{statusEnvironment, err}
}

// app is what the commands share.
type app struct {
	catalog *catalog.Catalog
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	remains remains
}

// Main runs the command line with what the options add, and gives the exit status.
func Main(opts ...Option) int {
	a := &app{catalog: catalog.Default(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	for _, o := range opts {
		o(a.catalog)
	}
	return a.main(os.Args[1:])
}

// Hidden first words: they are the same binary in another place, not commands for people. A test binary whose
// runs judge must hand ChildCommand to Main as well.
const (
	agentCommand = "agent"
	ChildCommand = judge.ChildCommand
)

func (a *app) main(args []string) int {
	if len(args) > 0 {
		switch args[0] {
		case agentCommand:
			return agent.Main(args[1:], a.stdin, a.stdout, a.stderr)
		case netns.Command:
			return netns.Main(args[1:], a.stdin, a.stderr)
		case ChildCommand:
			return judge.ChildMain(a.catalog.Checkers, a.stdin, a.stdout)
		}
	}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(context.Background())
	var s *statusError
	switch {
	case err == nil:
		return statusValid
	case errors.As(err, &s):
		if s.err != nil {
			_, _ = fmt.Fprintf(a.stderr, "partita: %v\n", s.err)
		}
		return s.status
	}
	_, _ = fmt.Fprintf(a.stderr, "partita: %v\n", err)
	return statusInternal
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "partita",
		Short: "Test distributed databases under faults",
		Long: `Partita brings up a real cluster, drives concurrent clients against the database on it, cuts the
network and breaks nodes meanwhile, records every operation, and judges the history.`,
		Example: `  partita test etcd -w register --faults partition:primaries
  partita test etcd -w register --read-mode serializable --faults partition:primaries
  partita check runs/etcd-register-partition-primaries/latest
  partita doctor --fix`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return badArguments(fmt.Errorf("%w (see '%s --help')", err, c.CommandPath()))
	})
	root.AddCommand(a.testCmd(), a.demoCmd(), a.findingsCmd(), a.checkCmd(), a.convertCmd(), a.reportCmd(), a.listCmd(), a.clusterCmd(), a.healCmd(), a.doctorCmd(), a.versionCmd())
	guard(root)
	return root
}

// guard makes wrong numbers of arguments and unknown subcommands end with status 254, and lets every flag be set by PARTITA_<FLAG>.
func guard(c *cobra.Command) {
	if args := c.Args; args != nil {
		c.Args = func(c *cobra.Command, as []string) error {
			if err := args(c, as); err != nil {
				return badArguments(fmt.Errorf("%s: %w (see '%s --help')", c.CommandPath(), err, c.CommandPath()))
			}
			return nil
		}
	}
	pre := c.PreRunE
	c.PreRunE = func(c *cobra.Command, as []string) error {
		if err := fromEnvironment(c.Flags(), os.LookupEnv); err != nil {
			return badArguments(err)
		}
		if pre != nil {
			return pre(c, as)
		}
		return nil
	}
	for _, sub := range c.Commands() {
		guard(sub)
	}
}
