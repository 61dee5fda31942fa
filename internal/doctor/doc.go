// Package doctor says what a machine lacks for Partita's Docker nodes, with the command that mends it, and
// mends it: on Debian and Ubuntu it installs the engine's own package and starts the daemon.
//
// Everything it asks of the machine goes through a Machine, a struct of functions, so that each situation
// (no engine, a stale pid file, no package manager, installing forbidden) is a test.
package doctor
