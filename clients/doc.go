// Package clients says how operations reach a database: a Driver opens one Conn for each process
// to one node, and a Conn performs one operation at a time over the system's native client.
//
// The rule above all others: no effect is ever sent twice. A Conn never retries. An error that
// proves that nothing happened is wrapped in NotDone; every other error is indeterminate.
package clients
