package sample

// Bugs lists what can be switched on. Each has a file of its own.
func Bugs() []Bug {
	return []Bug{
		staleFollowerRead(),
		leaseReadAfterEnd(),
		leaseReadAfterPause(),
		ackBeforeCommit(),
		lostWriteOnFailover(),
		unfsyncedLog(),
		retriedEffectTwice(),
		casChecksHere(),
		snapshotForgetsKey(),
		snapshotNotInstalled(),
		entrySkippedAfterStart(),
		nonAtomicAdd(),
		lostIncrement(),
		counterDrifts(),
		duplicateID(),
		idsAfterSnapshot(),
		overdraft(),
		nonAtomicTransfer(),
		doubleGrant(),
		tokenGoesBack(),
		grantForgotten(),
		deliveredIsGone(),
		doubleDelivery(),
		snapshotWithoutDeliveries(),
		stackPopsWhatItSees(),
		setReadFromSnapshot(),
		readByNeighbour(),
		neverRecovers(),
		resurrectedDelete(),
		membershipOfTheDead(),
	}
}
