package checker

var (
	everyLevel = []string{"read-uncommitted", "read-committed", "repeatable-read", "snapshot-isolation", "serializable", "strict-serializable"}
	committed  = everyLevel[1:]
	repeatable = []string{"repeatable-read", "serializable", "strict-serializable"}
	snapshot   = []string{"snapshot-isolation", "serializable", "strict-serializable"}
	singleRead = everyLevel[2:]
	serial     = []string{"serializable", "strict-serializable"}
	strict     = []string{"strict-serializable"}
)

// txnNames are the anomalies of transactions (checker/txn), under the names of Adya and of Elle. What the variants
// -process and -realtime rule out among the well-known models is strict serializability only.
func txnNames() []AnomalyDoc {
	docs := []AnomalyDoc{
		{"G0", "Two or more transactions overwrote one another in a circle: of one thing the first has the last word, of another the second. " +
			"Their writes were mixed, so that what is left is the work of neither (a dirty write).", everyLevel},
		{"G1a", "A transaction read what another one had written that was then aborted: the database had said that none of it happened. " +
			"Somebody acted on something that never was (an aborted read).", committed},
		{"G1b", "A transaction read what another one wrote in the middle of its work and then replaced itself. " +
			"Such a state was never meant to be seen (an intermediate read).", committed},
		{"G1c", "Transactions saw each other's effects in a circle: each read, or overwrote, what another did that must have come later. " +
			"Information flowed back to where it came from, which no order of the transactions can do.", committed},
		{"G-single-item", "A transaction saw one effect of another and missed a second one, or missed what had to be there before what it saw. " +
			"It read a mixture of old and new that never was the state of the database (read skew).", singleRead},
		{"G-nonadjacent-item", "Several transactions each missed something that another one wrote, and each of these saw what the next one did: they disagree about what happened first. " +
			"A long fork is one of these: two readers see two independent writes in opposite orders.", singleRead},
		{"G2-item", "Transactions ran side by side and each missed what another one wrote, in a circle. " +
			"Each decided upon a state that the others were just changing, so that together they may break a rule that each of them kept (write skew).", repeatable},
		{"G2", "Transactions each missed what another one wrote, in a circle in which a condition over many items was read. " +
			"What matched the condition changed behind the reader's back (a phantom).", serial},
		{"internal", "A transaction contradicts itself: it read something else than what it had itself read or written just before. " +
			"Within one transaction the ground moved.", snapshot},
		{"dirty-update", "A transaction that was committed stands on what an aborted one had left: it added to a state that the database said never happened. " +
			"The aborted work became part of what everybody sees.", committed},
		{"duplicate-elements", "A list contains an element twice that was added once. " +
			"One request took effect more than once.", everyLevel},
		{"incompatible-order", "Two reads of one list, which only grows, show its elements in orders of which neither is the beginning of the other. " +
			"There must have been two versions of the truth, and one of the readers saw what was thrown away.", committed},
		{"cyclic-versions", "The values of a register cannot be put into any order: what was read and written together shows each to be newer than the other. " +
			"An old value came back after it had been replaced.", everyLevel},
		{"cyclic-versions-process", "A client saw the values of a register go back: it met a newer one, and an older one in a later transaction. " +
			"For one client time ran backwards.", strict},
		{"cyclic-versions-realtime", "A transaction met an older value of a register although another one, which had ended before, had met a newer one. " +
			"What everybody could know already was forgotten.", strict},
	}
	for _, d := range docs[:7] {
		if d.Name == "G1a" || d.Name == "G1b" {
			continue
		}
		docs = append(docs,
			AnomalyDoc{d.Name + "-process", "Like " + d.Name + ", but the circle closes only with the order in which one client did its own transactions. " +
				"A client's later transaction did not know of its earlier one.", strict},
			AnomalyDoc{d.Name + "-realtime", "Like " + d.Name + ", but the circle closes only because one transaction had ended before another began. " +
				"Somebody who was told that something is done could look, and find it not done.", strict})
	}
	for _, e := range []struct {
		name, model string
		rules       []string
	}{
		{"PL-1", "read uncommitted", everyLevel}, {"PL-2", "read committed", committed}, {"PL-SI", "snapshot isolation", snapshot}, {"PL-3", "serializability", serial},
		{"strong-session-PL-1", "read uncommitted within each client's session", strict}, {"strong-session-PL-2", "read committed within each client's session", strict},
		{"strong-session-snapshot-isolation", "snapshot isolation within each client's session", strict}, {"strong-session-serializable", "serializability within each client's session", strict},
		{"strong-PL-1", "read uncommitted in real time", strict}, {"strong-PL-2", "read committed in real time", strict},
		{"strong-snapshot-isolation", "snapshot isolation in real time", strict}, {"PL-SS", "strict serializability", strict},
	} {
		docs = append(docs, AnomalyDoc{e.name + "-cycle-exists", "There is a circle among the transactions that " + e.model + " forbids, and so many ways lead through it that the search for a single one was given up. " +
			"That the history is wrong is proven; which transactions are to blame is not shown.", e.rules})
	}
	return docs
}
