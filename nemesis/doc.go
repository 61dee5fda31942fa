// Package nemesis injects faults. A Fault is one short file: it plans what to break from a seed, breaks
// it, undoes it from its Spec alone, and observes whether it really is broken.
//
// Network faults never touch rules by themselves: they give their edges to the one desired state of the
// cluster's network (cluster.Cluster.Cut), so that overlapping faults compose.
package nemesis
