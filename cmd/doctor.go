package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/partita-dev/partita/internal/doctor"
)

func (a *app) doctorCmd() *cobra.Command {
	var fix bool
	var format string
	c := &cobra.Command{
		Use: "doctor", Short: "Say what a run needs that this machine lacks, and with --fix install it",
		Example: "  partita doctor\n  partita doctor --fix\n  PARTITA_NO_INSTALL=1 partita doctor --fix",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badArguments(fmt.Errorf("--format %q: choose from text, json", format))
			}
			m := doctor.Here()
			for _, t := range a.catalog.Targets {
				m.Programs = append(m.Programs, t.Programs...)
			}
			if fix {
				if err := m.Fix(c.Context(), a.stderr); err != nil {
					return environment(err)
				}
			}
			findings := m.Check(c.Context())
			v := doctor.Judge(findings, doctor.Required(os.Getenv))
			if format == "json" {
				enc := json.NewEncoder(a.stdout)
				enc.SetIndent("", "  ")
				if err := enc.Encode(findings); err != nil {
					return err
				}
			} else {
				a.printFindings(findings, v)
			}
			switch {
			case v.OK():
				return nil
			case !v.Common:
				return environment(errors.New("this machine lacks what every run needs: it is marked FAIL"))
			case len(v.Missing) > 0:
				return environment(fmt.Errorf("%s must work here (PARTITA_REQUIRE, PARTITA_PROVIDER) and does not: 'partita doctor --fix' mends what it can", strings.Join(v.Missing, ", ")))
			}
			return environment(errors.New("no nodes can be made here: 'partita doctor --fix' mends what it can, and 'partita test sample' needs none of it"))
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "install what is missing and start what is not running (as root)")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

// printFindings prints the findings for people. What a rung lacks is a failure only when no other rung works, or it is
// required: else it is the reason why that rung is passed over.
func (a *app) printFindings(fs []doctor.Finding, v doctor.Verdict) {
	for _, f := range fs {
		mark := "ok  "
		switch {
		case f.OK:
		case f.Rung != "" && v.OK():
			mark = "no  "
		default:
			mark = "FAIL"
		}
		name := f.Name
		if f.Rung != "" && f.Rung != f.Name {
			name = f.Rung + ", " + name
		}
		_, _ = fmt.Fprintf(a.stdout, "%s  %s: %s\n", mark, name, f.Detail)
		if !f.OK && f.Fix != "" {
			_, _ = fmt.Fprintf(a.stdout, "      fix: %s\n", f.Fix)
		}
	}
	if len(v.Works) > 0 {
		_, _ = fmt.Fprintf(a.stdout, "nodes can be had from: %s\n", strings.Join(v.Works, ", "))
	}
}
