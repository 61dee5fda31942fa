// Package etcd reaches etcd over its native client, go.etcd.io/etcd/client/v3: registers (read, write, cas),
// sets (add, read), counters (add, read), ids (generate), accounts (transfer, read), locks (acquire, release, write)
// and queues (enqueue, dequeue).
//
// A counter and a bank are changed by one transaction each, which compares with what the client saw last and, when that is
// not there any more, writes nothing and brings what is; it is never tried again. An id is the revision of a put. A lock is
// a key with a lease of 2 s that the client keeps alive; its fencing token is the revision in which the key was made, and
// a write under the lock is a transaction that compares it. A message in a queue is a key of its own, and a dequeue removes the
// key that was made first, if nobody else did between the look for it and the removal.
//
// # No effect is sent twice
//
// One client for each process, with one endpoint, no synchronisation of endpoints, and these switches, checked
// against the sources of client/v3 3.7.3 and grpc 1.83:
//
//   - MaxUnaryRetries 1. The client's own interceptor (retry_interceptor.go) counts attempts, not repetitions:
//     its loop is left after the first one, whatever the error (Unavailable, ErrInvalidAuthToken,
//     ErrAuthOldRevision, …). 0 would mean 100.
//   - grpc.WithDisableRetry: no retry policy can come from a service configuration.
//   - WaitForReady(false) in an interceptor of ours. The client asks for true on every call, and then an
//     operation on a dead node waits for its deadline and is indeterminate, though nothing was ever sent.
//
// What is left is gRPC's transparent retry (stream.go, shouldRetry). It sends a call again when the stream was
// never written to a connection, or when the server vouches that it processed nothing of it (REFUSED_STREAM, a
// GOAWAY that names an earlier stream); neither is an effect.
//
// # What is proof that nothing happened
//
// The comparison of a transaction failed; the lease for an acquire was not granted, whatever became of it, for then the
// lock was never asked for (not-sent); nor was a message removed that the look before did not find; the server said too many requests, which etcd does before it proposes
// (v3_server.go, processInternalRaftRequestOnce); the connection failed before a stream was opened, which a
// stats handler witnesses. Everything else is indeterminate. In particular "database space exceeded" is: the
// applier with a quota applies the write and answers with that error (apply.go, quotaApplierV3). And every
// timeout is, also one that came while the connection was being made (its code is then connect-timeout).
package etcd
