package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// fromEnvironment sets each flag that was not given from PARTITA_<FLAG>: --time-limit from PARTITA_TIME_LIMIT.
func fromEnvironment(fs *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var bad error
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || bad != nil {
			return
		}
		name := "PARTITA_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		s, ok := lookup(name)
		if !ok || s == "" {
			return
		}
		if err := fs.Set(f.Name, s); err != nil {
			bad = fmt.Errorf("environment variable %s=%q: %w", name, s, err)
		}
	})
	return bad
}
