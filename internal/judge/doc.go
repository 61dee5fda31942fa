// Package judge runs checkers where they can do no harm: in a child process, which is this very program
// started again, with a memory cap and a time limit. A checker that panics, runs out of memory or time, or
// is killed is unknown, with the reason, and takes nothing from the others: results come one by one, and
// what is left is done by another child. A checker that says valid is shown a violation that was planted into a part of the
// same history, where it can plant one, and must see it. Summary turns the results into a verdict with a sentence for people.
package judge
