// Package agent is Partita's hand on a node, and the controller's side of it.
//
// On the node it is a daemon (a hidden subcommand of the same static binary) that outlives the SSH session which
// started it. It sets the rules that make a node deaf to its peers, sends and counts numbered probes that prove
// such a cut, starts and signals the database's processes, and undoes every fault by itself when its controller
// has not been heard of for the length of a lease. It is spoken to in JSON lines over a unix socket; `connect`
// bridges the two streams of one SSH channel to that socket.
//
// On the controller, Install puts the binary on a node and starts it, Connect gives a Client that keeps the lease
// alive, and Net makes a cluster.Net of the clients of all nodes.
//
//	controller                          node
//	Net ── Client ── Host.Pipe ── ssh ── agent connect ── agent.sock ── agent serve ── iptables, UDP, processes
//
// A lost controller, a killed session and a restarted agent are ordinary events here: what the agent must know
// afterwards (who holds the lease, which daemons it started) is in small files in its folder.
package agent
