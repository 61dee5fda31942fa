// Package memory is a database inside the process: linearizable registers, sets, counters, ids,
// accounts, locks, queues, stacks, logs and transactions, reached by the same Driver as
// any other, with faults that a test chooses for each operation. It needs no cluster: it is what the scheduler is
// measured against, and what shows that the tester notices a client that misbehaves.
package memory
