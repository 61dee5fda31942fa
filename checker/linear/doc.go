// Package linear decides whether the answers of a database are linearizable: whether each operation can
// be thought to take effect at one moment between its call and its return (Herlihy & Wing, 1990).
//
// Each key of a history is an object of its own, and several are checked at a time. For each the history is looked at
// first: where it allows an exact algorithm that costs next to nothing, that decides (zones.go: registers whose values are
// all different). Else a sweep over its events does (sweep.go), which is exact for every model; where that runs out of its
// budget, porcupine does (search.go: Wing & Gong's search with Lowe's memo). Budgets are counted in work, not in seconds, so
// that a history gives the same answer on any machine; a key that needs more is unknown. A result says which algorithm
// decided how many keys.
//
// A register that is not linearizable is looked at by rules that give the violation a name (rules.go), or else is shrunk to a
// few operations that prove it (shrink.go).
//
// What nobody knows is treated so: a failed operation did not happen and is removed. An operation without a
// known end may take effect at any time after its call, or never. A read without an end is dropped; so is
// a write or cas without an end whose value no remaining operation saw, to a fixpoint.
package linear
