// Package postgres reaches PostgreSQL with pgx's own connection (pgconn), and works on registers, sets, lists and registers in
// transactions, and accounts.
//
// # Where operations go
//
// A client of a node asks the server of its own node. A primary gets all; a standby tells where it streams from, and the
// client goes there through its own node, so that a cut between the two holds for the client too. With the parameter reads
// "standby" what only reads goes to the own node when that is a standby, else to one that the node reaches; with "both" to
// the own node, whatever that is.
//
// # What is fail, and what nobody knows
//
// One connection, one host, no TLS, no pool, no retries, statements with their values in one message each. A transaction
// whose COMMIT was never sent did not happen. Of an effect that was sent alone, or of COMMIT, only these answers prove that
// nothing happened: 40001 and 40P01 (serialization, deadlock), 25006 (the server is a standby), 57P03 (it cannot take
// connections now), and a COMMIT that is answered with ROLLBACK. Everything else is unknown. When a deadline passes pgx
// would connect once more to cancel the query, which can end a commit's wait for its standby: that dial is refused.
package postgres
