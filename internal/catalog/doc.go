// Package catalog is the one table that joins targets, drivers, workloads, faults and checkers, and the
// only place that lists what this binary has. A user's own main adds to it through cmd.With.
package catalog
