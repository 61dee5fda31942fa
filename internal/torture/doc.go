// Package torture kills controllers, nodes and engines, and looks at what is left. It is tests only: `go test` does
// some of each kind, `make torture` does all of them and prints what became of each.
//
// What is asked after every kind of end: each operation that was on the disk is in the history, `partita check`
// judges the run's folder, and never as valid, faults are undone by `partita heal` or by the nodes' lease, the exit
// status is right, and no container, network, process or file is left that nobody was told of.
package torture
