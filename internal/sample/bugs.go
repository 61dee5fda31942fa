package sample

// Bugs lists what can be switched on. Each has a file of its own.
func Bugs() []Bug {
	return []Bug{
		staleFollowerRead(),
		ackBeforeCommit(),
		snapshotForgetsKey(),
	}
}
