// Package cmd is Partita's command line as a package, so that a user's own main can add workloads and targets.
package cmd

// Main runs the command line and gives its exit status.
func Main() int { return 255 }
