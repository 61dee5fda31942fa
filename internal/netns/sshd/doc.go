// Package sshd is the SSH server of a node that is a network namespace: commands, streams, signals and forwarding
// of connections, for one key, in one process with the node's init. It exists because OpenSSH needs more users than
// an ordinary user's namespace has, and takes several times as long for a command.
//
// It behaves as OpenSSH does where Partita looks: a command runs through the shell in a session of its own, a
// command whose channel is closed goes on. It differs in one thing: when a command ends, its channel ends, also when
// something that it left in the background still has its streams, so that a background command never hangs a session.
package sshd
