package checker

// linearNames are what the checkers of linearizable objects other than registers name.
func linearNames() []AnomalyDoc {
	return []AnomalyDoc{
		{"element-from-nowhere", "A client took an element out of a queue or stack that nobody had ever put in. " +
			"It was made up, damaged on its way, or left over from somewhere else.", anyOrder},
		{"refused-element", "A client took an element whose putting-in the database had refused: it had said for certain that nothing was put in. " +
			"Somebody was told to try again, though the element is there, and may come twice.", anyOrder},
		{"element-twice", "One element was given out more often than it had been put in. " +
			"Two clients each believe that it is theirs alone, and its work is done twice.", oneOrder},
		{"element-too-early", "A client took an element before anybody had asked for it to be put in. " +
			"Either the answers of two requests were mixed up, or the element came from somewhere else.", realTime},
		{"element-overtaken", "An element came out before another one that should have come first by the rule of the queue or stack. " +
			"Whoever relies on the order of things sees them in another order than they were put in.", realTime},
		{"wrongly-empty", "A client was told that there is nothing in a queue or stack, although something that had been put in, and acknowledged, had to be there all that time. " +
			"Somebody who waits until all work is done would stop too early.", realTime},
	}
}
