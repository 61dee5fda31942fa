// Package netns makes nodes of nothing but Linux: network namespaces on this machine, for root and for an ordinary
// user, without Docker. It is the provider `netns` of cluster.Provider.
//
// # Who is who
//
//	controller ── unix socket ──► hub (pid 1 of its own world: a bridge, /proc)
//	                               ├── node n1 (pid 1 of its own world: eth0, SSH server) ── agent, database
//	                               └── node n2 …
//
// The hub and the nodes are Partita's own static binary again, in namespaces of their own for network, mounts,
// processes, host name and IPC; for an ordinary user also for users, with one user mapped: the hub's and the
// nodes' root is that user. Everything is inside: the host gets no link, address, route, rule or mount. A cluster ends with its
// hub, whatever it was doing, because the kernel ends every process of a world whose first one ends; and the hub ends
// with the controller (the parent-death signal), unless the cluster is to be left up.
//
// # How a node is reached
//
// The controller asks the hub over its unix socket for a connection; the hub makes it and hands the descriptor back
// (SCM_RIGHTS). From there on a node is as any other: SSH, the agent, iptables (see internal/remote). The SSH server is
// our own (see netns/sshd), in the node's first process.
//
// # What a node shares and what not
//
// The file system is the host's, and with it the installed programs. A node has its own /proc, /sys, /run, /tmp, /root,
// /etc/hosts, and its data folder (Dir) on the host's disk. The clock and the kernel are the host's.
package netns
