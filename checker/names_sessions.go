package checker

func sessionNames() []AnomalyDoc {
	models := func(own string) []string {
		return []string{own, "causal", "sequential", "linearizable", "strict-serializable"}
	}
	return []AnomalyDoc{
		{"own-write-not-read", "A client wrote something, was told that it is done, and then read something older. " +
			"It does not even see its own change (the promise is called read-your-writes).", models("read-your-writes")},
		{"read-went-back", "A client read something, and then read something older. " +
			"For it time went backwards (the promise is called monotonic reads).", models("monotonic-reads")},
		{"write-went-back", "Of two writes that a client made one after the other, the later one took place first. " +
			"What it wrote last is not what is there in the end (the promise is called monotonic writes).", models("monotonic-writes")},
		{"write-before-read", "A client read something and then wrote, and its write took place before what it had read was there. " +
			"Others see its answer before the question (the promise is called writes follow reads).", models("writes-follow-reads")},
	}
}
