package checker

// Specs lists the checkers of this package.
func Specs() []Spec {
	return []Spec{
		{"set", "every acknowledged element of a set (add, read-set) is in the final reads of all nodes, and nothing else", Set()},
		{"stats", "counts and latencies by operation and node; an operation that never succeeded makes the run unknown", Stats()},
		{"coverage", "the run tested what its plan says: faults were observed and clients were busy on each side of them", Coverage()},
	}
}
