// Package linear decides whether the answers of a database are linearizable: whether each operation can
// be thought to take effect at one moment between its call and its return (Herlihy & Wing, 1990).
//
// Each key of a history is checked for itself, several at a time: first by exact rules that cost next to
// nothing (rules.go), then by a search (porcupine: Wing & Gong with Lowe's memoisation). The search
// has a budget that is counted in work, not in seconds, so that a history gives the same answer on any
// machine; a key that needs more is unknown. A key that is not linearizable is shrunk to a few operations
// that prove it (shrink.go).
//
// What nobody knows is treated so: a failed operation did not happen and is removed. An operation without a
// known end may take effect at any time after its call, or never. A read without an end is dropped; so is
// a write or cas without an end whose value no remaining operation saw, to a fixpoint.
package linear
