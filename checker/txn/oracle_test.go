package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// budget is how many histories an oracle test looks at, and from which seed; both are printed.
func budget(t *testing.T, few int) (n int, seed uint64) {
	t.Helper()
	n, seed = few, uint64(time.Now().UnixNano())
	for name, set := range map[string]func(string) error{
		"PARTITA_ORACLE_N":    func(s string) (err error) { n, err = strconv.Atoi(s); return err },
		"PARTITA_ORACLE_SEED": func(s string) (err error) { seed, err = strconv.ParseUint(s, 10, 64); return err },
	} {
		if s := os.Getenv(name); s != "" {
			if err := set(s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	t.Logf("%d histories, PARTITA_ORACLE_SEED=%d", n, seed)
	return n, seed
}

func printed(v *history.View) string {
	var b strings.Builder
	for _, o := range v.Ops {
		fmt.Fprintf(&b, "\n%d %d %s %s", o.Index, o.Process, o.Type, o.Value.JSON())
	}
	return b.String()
}

// tally counts how the checker and the definition agree for one model.
type tally struct{ accused, refuted, missed, completeMissed, wrong int }

// compare checks one history against a definition. Unknown, which is what nothing to judge is, is no accusation.
func (a *tally) compare(c checker.Checker, v *history.View, model string, complete, holds bool) string {
	r := c.Check(context.Background(), checker.Input{History: v, Params: history.Params{"consistency": model}})
	if !holds {
		a.wrong++
	}
	switch {
	case strings.Contains(r.Reason, "error of the checker"): // what the verifier does not confirm:
		return "not confirmed: " + r.Reason
	case r.Verdict == checker.Invalid && holds:
		a.refuted++
		return "accused: " + r.Reason
	case r.Verdict == checker.Invalid:
		a.accused++
	case !holds:
		a.missed++
		if complete && r.Verdict == checker.Valid {
			a.completeMissed++
			return "missed: " + r.Reason
		}
	}
	return ""
}

var definitions = []struct {
	model string
	holds func([]btx) bool
}{
	{"strict-serializable", func(ts []btx) bool { return serial(ts, true) }},
	{"serializable", func(ts []btx) bool { return serial(ts, false) }},
	{"snapshot-isolation", snapshots},
}

// oracle compares a checker with the definitions on n random histories, on two goroutines.
func oracle(t *testing.T, c checker.Checker, n int, seed uint64, register bool, bad func(model, what string, v *history.View)) []tally {
	t.Helper()
	total := make([]tally, len(definitions))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			mine := make([]tally, len(definitions))
			for i := g; i < n; i += 2 {
				v, complete := randomTxns(rand.New(rand.NewPCG(seed, uint64(i))), register)
				ts := bruteTxns(v)
				holds := false // what satisfies a model satisfies the weaker ones behind it
				for d, def := range definitions {
					holds = holds || def.holds(ts)
					if def.model == "strict-serializable" && !register && i%3 == 0 {
						// The same by another way through the code rules out the same models.
						h := listAppend{mistake: withHelpers}.Check(context.Background(), checker.Input{History: v}).Facts
						n := c.Check(context.Background(), checker.Input{History: v}).Facts
						if fmt.Sprint(h["not"], h["also-not"]) != fmt.Sprint(n["not"], n["also-not"]) {
							mu.Lock()
							bad("with helpers", fmt.Sprintf("not %v, without them not %v", h["not"], n["not"]), v)
							mu.Unlock()
						}
					}
					if what := mine[d].compare(c, v, def.model, complete, holds); what != "" {
						mu.Lock()
						bad(def.model, fmt.Sprintf("history %d: %s", i, what), v)
						mu.Unlock()
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for d := range mine {
				total[d].accused += mine[d].accused
				total[d].refuted += mine[d].refuted
				total[d].missed += mine[d].missed
				total[d].completeMissed += mine[d].completeMissed
				total[d].wrong += mine[d].wrong
			}
		})
	}
	wg.Wait()
	return total
}

func TestListAppendBruteForce(t *testing.T) {
	n, seed := budget(t, 2000)
	shown := 0
	total := oracle(t, ListAppend().Checker, n, seed, false, func(model, what string, v *history.View) {
		if shown++; shown <= 3 {
			t.Errorf("%s, %s%s", model, what, printed(v))
		}
	})
	for d, a := range total {
		t.Logf("%s: %d of %d histories do not satisfy it; %d accused, %d of these wrongly; missed %d, with a complete last read %d",
			definitions[d].model, a.wrong, n, a.accused, a.refuted, a.missed, a.completeMissed)
	}
}

// The order of a register's values is not seen, so that not every violation is found; but none is said to be that is not.
func TestRWRegisterBruteForce(t *testing.T) {
	n, seed := budget(t, 2000)
	shown := 0
	total := oracle(t, RWRegister().Checker, n, seed, true, func(model, what string, v *history.View) {
		if shown++; shown <= 3 {
			t.Errorf("%s, %s%s", model, what, printed(v))
		}
	})
	for d, a := range total {
		t.Logf("%s: %d of %d histories do not satisfy it; %d accused, %d of these wrongly; missed %d (%.1f %%)",
			definitions[d].model, a.wrong, n, a.accused, a.refuted, a.missed, 100*float64(a.missed)/float64(max(1, a.wrong)))
	}
}
