// Package clustertest gives tests a cluster without Docker and without SSH: nodes that are loopback
// addresses of this machine (127.x.y.1, 127.x.y.2, …), with a folder each, whose daemons are ordinary local
// processes. The automation of a target and the driver of a system run on it as on any node.
//
// Nothing outlives the test: daemons die with it, also when it is killed.
package clustertest
