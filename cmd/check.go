package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		how              history.Reading
	)
	c := &cobra.Command{
		Use: "check FILE|RUN...", Short: "Judge runs or history files again",
		Long: "For the folder of a run it gives the same verdict as the run itself, and writes verdict.json anew.\n" +
			"For a lone history file, which has no plan, windows or parameters, it gives the verdict of the named checkers. A file holds\n" +
			"JSON lines or Jepsen's EDN, plain or compressed with zstd; - is standard input. Many are judged at once.\n" +
			"A file that is no history, or none of what the checker judges, is an error with its line and status 254, and no verdict.",
		Example: `  partita check runs/etcd-register-partition-primaries/latest
  partita check --checker linearizable-register history.jsonl
  partita check --format jsonl --checker set a.jsonl b.jsonl
  partita check --keyed --checker linearizable-register --param initial=0 store/latest/history.edn`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			o := run.CheckOptions{Checkers: checkers, Timeout: timeout, Memory: memory << 20, Reading: how}
			if o.Params, err = a.checkerFlags(checkers, params); err != nil {
				return err
			}
			if i := slices.Index(args, "-"); i >= 0 && slices.Contains(args[i+1:], "-") {
				return badArguments(errors.New("- is there twice: standard input can be read once"))
			}
			ctx, stop := a.onInterrupt(c.Context())
			defer stop()
			out, worst := a.newBatch(format), statusValid
			err = a.judgeAll(ctx, args, o, func(j judged) error {
				if status := j.status(); checkRank(status) > checkRank(worst) {
					worst = status
				}
				if j.note != "" {
					_, _ = fmt.Fprintf(a.stderr, "partita: %s\n", j.note)
				}
				if j.err != nil {
					_, _ = fmt.Fprintf(a.stderr, "partita: %v\n", j.err)
				}
				switch {
				case format != "text":
					return out.add(j.path, j.verdict, j.meta)
				case j.err != nil:
					return nil
				}
				_, _ = fmt.Fprintf(a.stdout, "%s:\n", j.path)
				return report.Text(a.stdout, "", j.verdict, store.Meta{}, useColour(a.stdout))
			})
			if err != nil {
				return err
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
	readingFlags(fs, &how)
	fs.StringVar(&format, "format", "text", formatHelp)
	fs.DurationVar(&timeout, "timeout", 5*time.Minute, "after which a checker gives up with unknown")
	fs.Int64Var(&memory, "memory", 4096, "MiB that the checkers' processes may use, all together, before they give up with unknown")
	return c
}

// checkerFlags looks at the values of --checker and --param.
func (a *app) checkerFlags(checkers, params []string) (history.Params, error) {
	for _, n := range checkers {
		if _, err := a.catalog.Checker(n); err != nil {
			return nil, badArguments(err)
		}
	}
	ps := history.Params{}
	for _, s := range params {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, badArguments(fmt.Errorf("--param %q: expected name=value", s))
		}
		ps[name] = value
	}
	return ps, nil
}

// readingFlags say how a history file is to be taken.
func readingFlags(fs *pflag.FlagSet, how *history.Reading) {
	fs.BoolVar(&how.Keyed, "keyed", false, "the values in Jepsen's EDN are pairs [key value] of independent keys")
	fs.BoolVar(&how.Loose, "loose", false, "take a file of somebody else's: completions without invocations, indices that are missing or go back, times that go back")
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
