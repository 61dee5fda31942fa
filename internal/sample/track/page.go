package track

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Page is the record as a page of the documentation.
func (r Record) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The tester's own track record\n\n"+
		"Written by `make track-record`, which runs the target `sample` in virtual time (`partita test sample --simulate`): three replicas,\n"+
		"18 clients, 20 seconds and two faults a run, or as many faults as there are kinds. Everything comes from seeds, so that the same commit writes the same table.\n\n"+
		"## Bugs\n\nEach bug is a changed step in a replica, switched on by `--bug NAME`, and tried with %d seeds. *Found* is the runs that ended `invalid`,\n"+
		"*named* those of them with an anomaly that this bug may have, *first* the median time in the run at which the first anomaly was complete.\n\n"+
		"| bug | what is wrong | workload, faults | found | named | anomalies | first |\n| --- | --- | --- | --- | --- | --- | --- |\n", r.Options.Seeds)
	for _, x := range r.Bugs {
		under := x.Bug.Workload
		if len(x.Bug.Faults) > 0 {
			under += ", " + strings.Join(x.Bug.Faults, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d of %d | %d | %s | %.1f s |\n", x.Bug.Name, x.Bug.Doc, under, x.Found, r.Options.Seeds, x.Named, strings.Join(x.Names, ", "), x.First.Seconds())
	}
	runs, valid, accused := 0, 0, 0
	for _, c := range r.Clean {
		runs, valid, accused = runs+c.Runs, valid+c.Valid, accused+c.Accused
	}
	fmt.Fprintf(&b, "\n## Clean runs\n\nThe store without a bug: of %d runs %d are `valid` and %d accuse it.\n\n| workload | faults | runs | valid | accused |\n| --- | --- | --- | --- | --- |\n", runs, valid, accused)
	for _, c := range r.Clean {
		faults := c.Faults
		if faults == "" {
			faults = "none"
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", c.Workload, faults, c.Runs, c.Valid, c.Accused)
	}
	return b.String()
}

// Err says what the record fails: a bug that is found in fewer than 19 of 20 runs, or not by its name, and a clean run
// that accuses.
func (r Record) Err() error {
	var errs []error
	for _, x := range r.Bugs {
		if 20*x.Named < 19*r.Options.Seeds {
			errs = append(errs, fmt.Errorf("%s was found by its name in %d of %d runs", x.Bug.Name, x.Named, r.Options.Seeds))
		}
	}
	for _, c := range r.Clean {
		if c.Accused > 0 {
			errs = append(errs, fmt.Errorf("%d clean runs of %s under %q were accused: %s", c.Accused, c.Workload, c.Faults, strings.Join(c.Others, "; ")))
		}
	}
	return errors.Join(errs...)
}

// Speed is events a second over all runs, checking included.
func (r Record) Speed() string {
	return fmt.Sprintf("%d events in %s, checking included: %.0f a second", r.Events, r.Took.Round(time.Second), float64(r.Events)/r.Took.Seconds())
}
