// Package workloads says what the clients do: a Generator emits operations by name, combinators compose
// generators, and a Workload is a main generator, a final one for after healing, and the names of the checkers
// that judge the history.
//
// Workloads never import a client: a driver says which operations it has, and the catalogue offers every workload
// whose operations a driver covers. The combinators are Jepsen's (jepsen.generator), as a pure state machine on one
// goroutine: Next is a peek, Update moves on.
package workloads
