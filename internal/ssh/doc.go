// Package ssh is the control path to a node: one connection for each node, one channel for each command.
//
// It wraps golang.org/x/crypto/ssh, which knows no contexts: here every call ends with its context, output is
// bounded, a peer that hangs is noticed by keep-alives, and errors say the node, what was tried and what to do.
// Host keys are pinned: a Config without one is refused.
package ssh
