package linear

import "github.com/partita-dev/partita/checker"

// All is every checker of linearizable objects.
func All() []checker.Spec {
	return []checker.Spec{
		Register(), CasRegister(), MultiRegister(), Mutex(), FIFOQueue(), UnorderedQueue(), Stack(), PriorityQueue(), Set(), Counter(),
	}
}
