// Package run is the controller: it takes a run from its plan to its verdict.
//
// A run is a line of phases: cluster up, set-up, warm-up and main (clients and nemesis side by side),
// heal, recovery, final reads, logs, cluster down, check, report. What happens when one of them fails is
// written where it happens; three rules hold for all of them. Healing outlives everything. Nothing after the
// history's fsync can lose or change it. A phase that failed can make a valid run unknown, never the other way.
package run
