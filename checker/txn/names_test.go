package txn

import (
	"slices"
	"testing"

	"github.com/partita-dev/partita/checker"
)

// Every anomaly that is named here is explained in the catalogue, which says the same of what it rules out as the lattice.
func TestNamesAreInTheCatalogue(t *testing.T) {
	names := []string{"internal", "G1a", "G1b", "dirty-update", "duplicate-elements", "incompatible-order", "cyclic-versions", "cyclic-versions-process", "cyclic-versions-realtime"}
	for v := plain; v < variants; v++ {
		for k := g0; k < kinds; k++ {
			names = append(names, cycleName(k, v))
		}
		for m := range models {
			names = append(names, existNames[v][m][0])
		}
	}
	for _, n := range names {
		if _, ok := checker.Explain(n); !ok {
			t.Errorf("%s is not explained", n)
		}
		if got, want := checker.RulesOut(n), rulesOut(n); !slices.Equal(got, want) {
			t.Errorf("the catalogue says that %s rules out %v, the lattice %v", n, got, want)
		}
	}
	for _, n := range []string{"lost-update", "future-read", "thin-air-read"} {
		if _, ok := checker.Explain(n); !ok {
			t.Errorf("%s is not explained", n)
		}
	}
}
