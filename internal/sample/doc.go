// Package sample is a replicated store inside the process: the target that needs no Docker and no root, and the zoo of
// bugs that tests the tester.
//
// Three or five replicas on go.etcd.io/raft/v3 keep registers, a set and more. Their network is cut, delays, duplicates,
// reorders and loses; they are killed, paused and started again; a disk loses what was not fsynced. All of it happens in
// virtual time, on an event heap, and every draw comes from the seed: given the same calls at the same virtual times, the
// store does the same. Host lets virtual time follow the wall clock, so that the store is a target like any other; World
// lets it run as fast as it goes, so that one seed gives one history, byte for byte.
//
// The store is correct. A Bug changes one step of a replica (see steps): it never edits an answer or a history.
package sample
