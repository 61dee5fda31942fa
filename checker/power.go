package checker

import (
	"fmt"
	"math"
)

// confidence is how sure a statement of power is.
const confidence = 0.95

// Power is what a clean run can and cannot exclude. It is the fact "power" of a valid Coverage, and means something only
// where every other checker found nothing, too.
type Power struct {
	Windows  int        `json:"windows"`
	Attempts int        `json:"attempts"` // inside the windows; without any, in all
	Excludes []Excluded `json:"excludes"`
	Says     string     `json:"says"` // the same for people
}

// Excluded says that Runs clean runs exclude, with 95 % confidence, a bug that shows in ShowsIn of such runs or more.
type Excluded struct {
	Runs    int     `json:"runs"`
	ShowsIn float64 `json:"shows-in"`
}

// Excludes gives the largest share of runs in which a bug can show that n clean runs, each with a seed of its own, leave
// possible at 95 % confidence: the p with (1-p)^n = 0.05. Near 3/n it is known as the rule of three (Hanley & Lippman-Hand,
// JAMA 249(13), 1983).
func Excludes(n int) float64 {
	if n < 1 {
		return 1
	}
	return 1 - math.Pow(1-confidence, 1/float64(n))
}

// CleanRuns gives how many clean runs it takes to exclude, at 95 % confidence, a bug that shows in a share p of them.
func CleanRuns(p float64) int {
	switch {
	case p >= 1:
		return 1
	case !(p > 0):
		return math.MaxInt
	}
	n := math.Ceil(math.Log(1-confidence)/math.Log1p(-p) - 1e-9) // or a rounding error costs a run
	if n >= math.MaxInt32 {
		return math.MaxInt
	}
	return max(1, int(n))
}

func newPower(windows []WindowCoverage, attempts int) Power {
	p := Power{Windows: len(windows), Attempts: attempts}
	what := fmt.Sprintf("%s, no fault", count(p.Attempts, "operation"))
	if p.Windows > 0 {
		p.Attempts = 0
		for _, w := range windows {
			p.Attempts += w.Total
		}
		what = fmt.Sprintf("%s with %s attempted", count(p.Windows, "fault window"), count(p.Attempts, "operation"))
	}
	for _, n := range []int{1, CleanRuns(0.1), CleanRuns(0.05), CleanRuns(0.01)} {
		p.Excludes = append(p.Excludes, Excluded{Runs: n, ShowsIn: Excludes(n)})
	}
	e := p.Excludes
	p.Says = fmt.Sprintf("A clean run like this one (%s, one seed) excludes by itself, with 95 %% confidence, only a bug that shows in more than %s of such runs; "+
		"%d clean runs with different seeds exclude one that shows in %s of them, %d in %s, %d in %s.",
		what, percent(e[0].ShowsIn), e[1].Runs, percent(e[1].ShowsIn), e[2].Runs, percent(e[2].ShowsIn), e[3].Runs, percent(e[3].ShowsIn))
	return p
}

// percent rounds up, so that never too much is claimed.
func percent(p float64) string { return fmt.Sprintf("%d %%", int(math.Ceil(100*p-1e-9))) }
