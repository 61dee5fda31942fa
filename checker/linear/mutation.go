package linear

// mutation breaks one rule, so that the tests can show that they would notice.
type mutation int

const (
	intact mutation = iota
	// Of what happened and what may have.
	failedHappened
	infoNeverHappened
	infoEndsAtItsEvent
	pendingReadKept
	observedWriteDropped
	pendingCasSeesNothing
	pendingMustHappen
	initialAlwaysNil
	noValueIgnored
	// Of the rules that name a finding.
	staleForgetsPending
	staleForgetsRepeats
	futureComparesReturns
	aloneCasLosesUpdate
	// Of zones.
	thinAirAccepted
	twoCasAccepted
	casRingAccepted
	insidesIgnored
	zonesMayOverlap
	chainsKeptApart
	// Of the sweep.
	casHidesWrites
	freeIsDone
	neverJustInTime
	laterDeadlineFirst
	usedForgotten
	usedNeverCompared
	possibleNeverCompared
	dutiesNeverCompared
	// Of containers.
	pendingTakeDropped
	takenPutDropped
	takenTwiceAccepted
	takenEarlyAccepted
	emptyAlwaysFits
	orderIgnored
	deadlinesIgnored
	unknownTakesAll
	takenBeforePut
	urgencyIgnored
	bottomPopsAnytime
	bottomPushedAnytime
	relaxedIsProof
	relaxedIsOrder
	// Of sets.
	addOrderIgnored
	readOrderIgnored
	chainIgnored
	unseenIgnored
	// Of counters.
	deadTooEarly
)
