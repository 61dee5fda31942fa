package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

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
			if fix {
				if err := doctor.Fix(c.Context(), a.stderr, os.Getenv); err != nil {
					return environment(err)
				}
			}
			findings := doctor.Check(c.Context())
			bad := 0
			for _, f := range findings {
				if !f.OK {
					bad++
				}
				if format == "text" {
					mark := "ok  "
					if !f.OK {
						mark = "FAIL"
					}
					_, _ = fmt.Fprintf(a.stdout, "%s  %s: %s\n", mark, f.Name, f.Detail)
					if !f.OK && f.Fix != "" {
						_, _ = fmt.Fprintf(a.stdout, "      fix: %s\n", f.Fix)
					}
				}
			}
			if format == "json" {
				enc := json.NewEncoder(a.stdout)
				enc.SetIndent("", "  ")
				if err := enc.Encode(findings); err != nil {
					return err
				}
			}
			if bad > 0 {
				return environment(errors.New("this machine lacks what is marked FAIL: 'partita doctor --fix' mends what it can"))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&fix, "fix", false, "install what is missing and start what is not running (as root)")
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}
