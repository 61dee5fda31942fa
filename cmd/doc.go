// Package cmd is Partita's command line as a package, so that a user's own main of five lines can add
// targets, workloads, faults and checkers:
//
//	func main() { os.Exit(cmd.Main(cmd.With(myWorkload), cmd.With(myTarget))) }
//
// Exit statuses: 0 valid · 1 invalid · 2 unknown or inconclusive · 3 the environment failed (cluster, SSH,
// healing) · 130 interrupted · 254 bad arguments · 255 internal error.
package cmd
