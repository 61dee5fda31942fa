// Package store is a run's folder on disk: the names of its files and the shapes of those that are
// JSON. The stages of a run (test, check, report) are joined by these files and by nothing else.
//
//	meta.json       what was run: versions, flags, seed, nodes, image
//	history.jsonl   the history while running; history.jsonl.zst afterwards
//	faults.json     plan, windows and certificates
//	logs/<node>/…   the databases' logs
//	data/<node>.tar.gz  the nodes' data folders at the end, when the run is not valid
//	verdict.json    what the checkers said
//	junit.xml       the same for CI
//	report.html     the same for people
//	repro.sh        the command that repeats the run
//	controller.log  what the controller did
package store
