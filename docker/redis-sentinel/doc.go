// Package redissentinel is the target redis-sentinel: the image of its nodes, and how Redis and Sentinel are set
// up, started, probed, stopped, killed, paused and wiped on nodes of any kind.
//
// Every node runs two daemons: redis on port 6379 and sentinel on 26379. The first node is the first primary, the
// others are its replicas; the name of the primary for Sentinel is "partita", its quorum a majority of the nodes.
// A primary that a majority of the sentinels has not heard for 3 s is replaced (failover-timeout 10 s).
//
// # Configuration
//
// Setup writes both configuration files, once for a run. From then on they belong to the daemons: Sentinel and
// Redis rewrite them when roles change, and Start only starts, so that a node that was killed comes back believing
// what it last knew, as it would in production.
//
// Data is kept in an append-only file that is synced each second (appendonly yes, appendfsync everysec), which is
// what most who want to keep their data choose; there are no snapshots besides (save ""), so that nothing else
// happens on a timer. kill -9 of every node may lose the last second by promise. Replicas are filled from memory
// without the usual wait of 5 s for more of them (repl-diskless-sync-delay 0). Sentinel is told the replicas at
// first (known-replica): it would find them out within 10 s, and could not replace a primary before. With the parameter min-replicas N
// a primary refuses writes (NOREPLICAS) when it has not heard N replicas for 10 s; the default is Redis's own, 0.
//
// # After healing
//
// A primary that was cut off goes on to accept writes, and loses them when it rejoins. That takes a while:
// see DB.Grace.
package redissentinel
