// Package redis reaches Redis behind Sentinel over its native client, github.com/redis/go-redis/v9: registers (read,
// write, cas), sets (add, read), counters (add, read), ids (generate) and queues (enqueue, dequeue), which are lists.
//
// # Where a client is
//
// A client of a node is a program on that node. It asks the Sentinel of its own node who the primary is, and again
// after every error. When that is its own node's Redis it talks to it; when it is another's, the connection begins
// on the client's node (cluster.Forwarder), so that a cut between the two holds for it, although the controller
// could reach both. Thus the clients of a primary that was cut off go on to write to it, as real ones would: those
// are the writes that Redis acknowledges and loses. On nodes that cannot forward, the primary is dialled directly.
//
// # No effect is sent twice
//
// One connection to the primary at a time, made before the operation is sent and never made again by the client's
// own means. The switches, checked against the sources of go-redis 9.23.0:
//
//   - MaxRetries -1 (0 would mean 3): _process is called once, whatever shouldRetry thinks.
//   - The Dialer gives the connection that was made and, should it ever be asked again, an error. A sticky Conn of a
//     pool of one never asks again: after a bad connection it only says so. The pool's own way to dial is a
//     goroutine that outlives the operation, and after a failure one that probes each second.
//   - ContextTimeoutEnabled, and no read or write time-outs besides: an operation's deadline is the only one. When
//     its context ends, the connection is closed under it.
//   - RESP 2, no client-side cache, no maintenance notifications, no CLIENT SETINFO: nothing comes unasked.
//
// A cas is one EVAL of the whole script: Script.Run would send EVALSHA first. With the parameter wait N an effect
// is two requests on one connection, the effect and WAIT N, each sent once.
//
// # What is proof that nothing happened
//
// No primary was found, or no connection to it could be made and its role be asked (its answer must be "master", as
// the guidelines for Sentinel clients have it); the comparison of a cas failed; Redis answered to the effect with
// READONLY, NOREPLICAS, CLUSTERDOWN, MASTERDOWN or LOADING, all of which it does before a command is executed, or
// before the one write of the script. Everything else is indeterminate. In particular an effect is that WAIT
// acknowledged by too few replicas, or answered with any error at all: it was carried out by the primary.
package redis
