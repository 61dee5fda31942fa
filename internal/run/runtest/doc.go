// Package runtest is a target in memory, on a provider in memory, whose parts fail as a test says: the controller is
// run on it from end to end in a second, without Docker.
package runtest
