package checker

func queueNames() []AnomalyDoc {
	return []AnomalyDoc{
		{"lost-item", "The database said that an item was put into a queue, and it never came out, although every node was drained until nothing came any more. " +
			"A job that somebody handed in will never be done.", anyOrder},
		{"unexpected-item", "A queue delivered an item that nobody had tried to put into it until then. " +
			"It was made up, damaged on its way, or left over from somewhere else.", anyOrder},
		{"aborted-item", "A queue delivered an item which the database had refused to take: it had said for certain that it was not put in. " +
			"Somebody was told to try again, and the job is done twice.", anyOrder},
		{"duplicate-item", "A queue delivered an item more often than it was put in, although each was promised to come once at most. " +
			"A job is done twice.", oneOrder},
		{"out-of-order", "An item came out of a queue after another one that had been put in later, although they were to come in the order in which they were put in. " +
			"Whoever works through the queue sees an effect before its cause.", realTime},
		{"early-item", "A queue delivered an item before the delay that it was put in with was over. " +
			"A job is done before its time.", realTime},
		{"expired-item", "A queue delivered an item after its life was over, although it was to be thrown away then. " +
			"A job is done that nobody wants any more.", realTime},
		{"stale-element", "A read of a set lacked an element that had been there before the read began, and a later read has it again. " +
			"Somebody who had just added something could look and not see it.", realTime},
		{"duplicate-element", "One read of a set has the same element twice. " +
			"It was added twice, or is kept in two places, and whoever counts the set counts wrong.", anyOrder},
	}
}
