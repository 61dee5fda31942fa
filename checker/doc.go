// Package checker judges histories. A Checker is a pure function from a history to a Result;
// it does no I/O, keeps no state between calls and never guesses: what it cannot finish is Unknown.
//
// The verdicts merge worst first: invalid > unknown > inconclusive > valid. The zero Verdict is
// Unknown, so that no forgotten path says valid.
package checker
