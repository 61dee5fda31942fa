// Package remote makes a cluster.Node of anything that answers to SSH: a container today, a machine that
// exists tomorrow. Commands and files go over SSH; daemons, faults and their lease go through the agent, which
// is copied to the node once.
//
// A node outlives its connections: when SSH or the agent's channel breaks (a restart, a pause that took too
// long), the next call makes a new one, so that healing does not depend on what a fault did to a connection.
package remote
