// Package cluster says what a node, a network, a database and a provider of clusters can do,
// whatever carries it: containers, machines over SSH, network namespaces or a simulation.
//
// Interfaces are small and powers beyond the common ones are found by type assertion
// (Executor, Files, Processes for a node; Pauser, Primaries, LogFiles for a database).
package cluster
