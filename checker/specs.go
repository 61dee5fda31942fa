package checker

// OnePass lists the checkers of this package, each of which walks over a history once. Those that search are in the packages
// below this one.
func OnePass() []Spec {
	return []Spec{
		Set(), SetFull(), Queue(), TotalQueue(), Sessions(), Counter(), UniqueIDs(), Bank(), Lock(), Stats(), Recovery(), Coverage(),
	}
}
