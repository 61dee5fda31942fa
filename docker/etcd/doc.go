// Package etcd is the target etcd: the image of its nodes, and how it is set up, started, probed, stopped,
// killed, paused and wiped on nodes of any kind.
//
// Every node runs one member, named as the node, with etcd's defaults (heartbeat 100 ms, election 1 s): clients
// on port 2379, peers on 2380, plain TCP. A member's peer address becomes part of the cluster's membership when
// it is first started; the faults of a run restart the daemon, never the node, so it stays true for the run.
package etcd
