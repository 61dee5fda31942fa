// Package postgresql is the target postgresql: the image of its nodes, and how PostgreSQL is set up, started, probed,
// stopped, killed, paused, wiped, promoted and rewound on nodes of any kind.
//
// The first node is the first primary; every other one is a standby that streams from it. With one node there is no
// standby. Nobody watches the primary: PostgreSQL itself has no failover. It is promoted by a person, or by the fault
// promote, which does what such a person does: DB.Promote when the primary cannot be reached, and DB.Rejoin when it is
// back, which rewinds it (pg_rewind) to where its successor left its line, throwing away what only it has.
//
// # Configuration
//
// Everything that survives a crash by promise is on: fsync, synchronous_commit, full_page_writes. With the parameter
// replication "sync" a commit is acknowledged when one standby has it on disk too (synchronous_standby_names '*'); with
// "async", PostgreSQL's own default, when the primary has. A promoted standby that is alone waits for nobody until the old
// primary has rejoined, as its operator would have it: else it could not serve.
//
// The server refuses to run as root. Where commands of a node run as root, it runs as the user postgres.
package postgresql
