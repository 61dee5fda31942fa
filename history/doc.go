// Package history is the plain data at the bottom of Partita: an operation and its value, a fault's
// window, the plan of a run, the append-only file they are kept in, and the paired view that checkers read.
//
// A history is a list of events. Each operation of a client is two of them: an Invoke, and one
// completion that says OK (it happened), Fail (it did not happen) or Info (nobody knows; it may
// take effect at any later time, or never). The order of events is their Index, never their Time.
//
// The package knows nothing of clusters, databases or checkers. The words are Jepsen's
// (jepsen.history, knossos.op).
package history
