// Package bench measures Partita itself: how fast the scheduler records, against a database in memory and with the
// history really written and synced.
//
//	go test -run '^$' -bench Scheduler ./bench/
package bench
