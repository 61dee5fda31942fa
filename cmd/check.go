package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/report"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
)

func (a *app) checkCmd() *cobra.Command {
	var (
		checkers, params []string
		format           string
		timeout          time.Duration
		memory           int64
	)
	c := &cobra.Command{
		Use: "check FILE|RUN...", Short: "Judge runs or history files again",
		Long: "For the folder of a run it gives the same verdict as the run itself, and writes verdict.json anew.\n" +
			"For a lone history file, which has no plan, windows or parameters, it gives the verdict of the named checkers.",
		Example: `  partita check runs/etcd-register-partition-primaries/latest
  partita check --checker linearizable-register history.jsonl
  partita check --format jsonl --checker set a.jsonl b.jsonl`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			o := run.CheckOptions{Checkers: checkers, Timeout: timeout, Memory: memory << 20, Params: history.Params{}}
			for _, n := range checkers {
				if _, err := a.catalog.Checker(n); err != nil {
					return badArguments(err)
				}
			}
			for _, s := range params {
				name, value, ok := strings.Cut(s, "=")
				if !ok || name == "" {
					return badArguments(fmt.Errorf("--param %q: expected name=value", s))
				}
				o.Params[name] = value
			}
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			out, worst := a.newBatch(format), statusValid
			for _, path := range args {
				v, m, err := a.checkOne(ctx, path, o)
				status := verdictStatus(v.Verdict)
				if err != nil {
					status = statusArguments
					v.Verdict = checker.Merge(v.Verdict, checker.Unknown) // nobody may read valid beside an error
					v.Errors = append(v.Errors, err.Error())
					_, _ = fmt.Fprintf(a.stderr, "partita: %v\n", err)
				}
				if checkRank(status) > checkRank(worst) {
					worst = status
				}
				if format == "text" {
					if err == nil {
						_, _ = fmt.Fprintf(a.stdout, "%s:\n", path)
						if err := report.Text(a.stdout, "", v, store.Meta{}, useColour(a.stdout)); err != nil {
							return err
						}
					}
					continue
				}
				if err := out.add(path, v, m); err != nil {
					return err
				}
			}
			if err := out.end(); err != nil {
				return err
			}
			if worst != statusValid {
				return &statusError{status: worst}
			}
			return nil
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&checkers, "checker", nil, "judge with these (see 'partita list checkers'); default: the run's own, or what fits the file's operations")
	fs.StringArrayVar(&params, "param", nil, "name=value, a parameter of a checker, such as initial=0")
	fs.StringVar(&format, "format", "text", formatHelp)
	fs.DurationVar(&timeout, "timeout", 5*time.Minute, "after which a checker gives up with unknown")
	fs.Int64Var(&memory, "memory", 4096, "MiB that a checker's process may use before it gives up with unknown")
	return c
}

// checkRank orders statuses over several files: bad input is what the caller must hear of first.
func checkRank(status int) int {
	for i, s := range []int{statusValid, statusUnknown, statusInvalid} {
		if s == status {
			return i
		}
	}
	return statusArguments
}

// checkOne judges one folder of a run, and gives what was run, or one history file.
func (a *app) checkOne(ctx context.Context, path string, o run.CheckOptions) (v store.Verdict, m store.Meta, err error) {
	fi, err := os.Stat(path)
	if err != nil {
		return v, m, fmt.Errorf("check %s: %w: expected a history file or the folder of a run", path, errors.Unwrap(err))
	}
	if !fi.IsDir() {
		seen, err := run.Survey(path)
		if err != nil {
			return v, m, err
		}
		if seen.Torn {
			_, _ = fmt.Fprintf(a.stderr, "partita: %s: the last line is torn, as a crash leaves it; it is left out\n", path)
		}
		if len(o.Checkers) == 0 {
			if o.Checkers, err = run.Guess(seen.Fs); err != nil {
				return v, m, fmt.Errorf("%s: %w", path, err)
			}
		}
		v, err = run.CheckFile(ctx, path, o)
		return v, m, err
	}
	d, err := store.Open(path)
	if err != nil {
		return v, m, err
	}
	defer func() { _ = d.Close() }()
	if v, err = run.Check(ctx, a.catalog, d, o); err != nil {
		return v, m, err
	}
	if err := d.ReadJSON(store.MetaFile, &m); err != nil {
		return v, m, err
	}
	if len(o.Checkers) > 0 || len(o.Params) > 0 {
		return v, m, nil
	}
	if err := d.WriteJSON(store.VerdictFile, v); err != nil { // a disk that is full or read-only: the verdict is no other for it
		_, _ = fmt.Fprintf(a.stderr, "partita: the verdict is only printed: %v\n", err)
	}
	return v, m, nil
}

// verdictStatus is the exit status of a verdict.
func verdictStatus(v checker.Verdict) int {
	switch v {
	case checker.Valid:
		return statusValid
	case checker.Invalid:
		return statusInvalid
	}
	return statusUnknown
}
