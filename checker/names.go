package checker

import "slices"

// AnomalyDoc explains an anomaly to somebody who has never heard its name.
type AnomalyDoc struct {
	Name     string
	Text     string   // two plain sentences
	RulesOut []string // the consistency models under which it cannot happen; none for what is no matter of consistency
}

var (
	realTime = []string{"linearizable", "strict-serializable"}
	anyOrder = []string{"read-committed", "snapshot-isolation", "sequential", "serializable", "linearizable", "strict-serializable"}
	oneOrder = []string{"snapshot-isolation", "sequential", "serializable", "linearizable", "strict-serializable"}
)

// Catalogue lists every anomaly that the checkers of this module name.
func Catalogue() []AnomalyDoc {
	return slices.Concat(firstNames(), queueNames(), sessionNames(), linearNames(), txnNames())
}

func firstNames() []AnomalyDoc {
	return []AnomalyDoc{
		{"stale-read", "A client read an old value although a newer one had been written, and acknowledged, before the read began. " +
			"Somebody who had just saved a change could look again and not see it.", realTime},
		{"lost-write", "The database said that a write was done, but no later read ever showed it: every one of them answered something older. " +
			"Somebody's saved change is gone, as far as anybody could see until the end of the test.", realTime},
		{"lost-update", "Two clients each said 'change this value only if it is still the one I saw', and both were told that they had done it. " +
			"One of the two changes was overwritten by a client that had never seen it.", oneOrder},
		{"future-read", "A read answered a value before anybody had asked for that value to be written. " +
			"Either the answers of two requests were mixed up, or the value came from somewhere else.", realTime},
		{"aborted-read", "A read answered a value whose write the database had refused: it had said for certain that nothing was written. " +
			"Somebody was told to try again, though the change is there for all to see.", anyOrder},
		{"thin-air-read", "A read answered a value that no client ever wrote. " +
			"It was made up, damaged on its way, or left over from somewhere else.", anyOrder},
		{"nonlinearizable", "There is no order of these operations in which each takes effect at one moment between its call and its answer, and which explains all answers. " +
			"Clients that talk to each other could notice that the database is not one consistent thing.", realTime},
		{"lost-element", "The database said that an element had been added, and the last read at the end of the test does not contain it. " +
			"Something that was saved is gone.", realTime},
		{"diverged", "After all faults were healed, reads of the same set through different nodes gave different contents. " +
			"What a client sees depends on which node it happens to ask, and stays so.", realTime},
		{"unexpected-element", "A read contains an element that no client ever tried to add. " +
			"It was made up, damaged on its way, or left over from somewhere else.", anyOrder},
		{"aborted-element", "A read contains an element whose adding the database had refused: it had said for certain that nothing was added. " +
			"Somebody was told to try again, though the element is there.", anyOrder},
		{"counter-too-low", "A read of a counter answered less than what had been added, and acknowledged, before the read began. " +
			"Something that was counted is missing: the read was old, or the counter lost it.", realTime},
		{"counter-too-high", "A read of a counter answered more than all that anybody had tried to add until then. " +
			"Something was counted twice, or what was taken away came back.", realTime},
		{"duplicate-id", "The generator gave one id to two callers, who were both told that it is theirs alone. " +
			"Two things now have the same name, and one may overwrite the other.", oneOrder},
		{"wrong-total", "A read of all accounts saw more or less money than there is, although transfers only move it. " +
			"Either the read saw a transfer half done, or money was made or lost.", oneOrder},
		{"negative-balance", "A read saw an account below zero, although a transfer is refused when there is not enough money. " +
			"Two transfers spent the same money, each without seeing the other.", oneOrder},
		{"missing-balance", "A read of all accounts did not show the balance of one of them, although each had one from the beginning. " +
			"An account is gone, or was not shown.", anyOrder},
		{"unexpected-account", "A read of all accounts showed one that does not exist. " +
			"It was made up, damaged on its way, or left over from somewhere else.", anyOrder},
		{"two-holders", "Two clients held the same lock at once: the second was told that it has the lock while the first, which had been told so before, had not given it back. " +
			"Whatever the lock protects was open to both, and one may have destroyed the work of the other.", realTime},
		{"token-went-back", "A client got a lock with a fencing token that is lower than one given out before. " +
			"What compares tokens to find out who is late will turn away the right one.", realTime},
		{"token-reused", "Two clients got a lock with the same fencing token. " +
			"What compares tokens to find out who is late cannot tell them apart.", realTime},
		{"stale-holder-write", "A client that had lost its lock wrote under it, and succeeded, after the next holder had written already. " +
			"The late write has overwritten newer work: this is what fencing tokens exist to prevent.", realTime},
		{"never-recovered", "Every fault was healed, and yet clients went on to get no good answer through a node, until the end of the test. " +
			"No data need be lost for this: the service does not come back by itself, and somebody has to be woken up.", nil}, // liveness is no matter of order
	}
}

// Explain gives two plain sentences about an anomaly, and false for a name that is not in the Catalogue.
func Explain(name string) (text string, ok bool) {
	for _, d := range Catalogue() {
		if d.Name == name {
			return d.Text, true
		}
	}
	return "", false
}

// RulesOut gives the consistency models under which the anomaly cannot happen.
func RulesOut(name string) []string {
	for _, d := range Catalogue() {
		if d.Name == name {
			return slices.Clone(d.RulesOut)
		}
	}
	return nil
}
