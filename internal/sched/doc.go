// Package sched runs a generator: it gives operations to clients, and writes what was invoked and what came back into
// the history, in one order and on one clock.
//
// The Scheduler asks the generator on one goroutine, stamps and writes each invocation before a client gets it, and
// each completion after the client gave it. That can make an operation's interval longer than it was, never
// shorter, and a longer interval can hide an anomaly but never make one up.
//
// Clients are reached through a workloads.World. The one of this package is of real goroutines, one for each worker. A
// client that panics, hangs or answers after its time costs its own operation and nothing else: the operation ends
// as info, its process is retired, its connection is never used again, and a late answer is dropped.
package sched
