package linear

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// tally is what was seen while comparing.
type tally struct {
	mu             sync.Mutex
	where          string
	valid, invalid int
	by             map[string]int
}

// compare checks n random histories of a model in every way of deciding, and stops at the first one that brute force sees otherwise.
func (s specimen) compare(seed uint64, n, workers int, ways []options) *tally {
	t := &tally{by: map[string]int{}}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				if !s.once(rand.New(rand.NewPCG(seed, uint64(i))), ways, t, i) {
					return
				}
			}
		})
	}
	wg.Wait()
	return t
}

// once compares one history, and is false when that shows a difference, or another worker has found one.
func (s specimen) once(r *rand.Rand, ways []options, t *tally, i int) bool {
	v, err := history.NewView(s.random(r))
	if err != nil {
		panic(err)
	}
	truth := true
	for _, key := range v.Keys() {
		truth = truth && s.explains(v, key)
	}
	t.mu.Lock()
	if truth {
		t.valid++
	} else {
		t.invalid++
	}
	stop := t.where != ""
	t.mu.Unlock()
	if stop {
		return false
	}
	for _, way := range ways {
		res := s.check(v, way)
		if n, ok := res.Facts["operations"].(int); res.Verdict == checker.Unknown && (!ok || n == 0) {
			continue // nothing at all happened: the checker refuses to call that valid
		}
		by, _ := res.Facts["algorithm"].(string)
		t.mu.Lock()
		for _, a := range strings.Split(by, ", ") {
			name, _, _ := strings.Cut(a, " (")
			t.by[name]++
		}
		if res.Verdict == checker.Unknown && way.only == byPairs {
			t.mu.Unlock()
			continue
		}
		if res.Verdict == checker.Unknown || res.Verdict == checker.Valid != truth {
			t.where = fmt.Sprintf("history %d, %+v: brute force says linearizable: %v, the checker says %s (%s; %s) %+v\n%s",
				i, way, truth, res.Verdict, res.Reason, by, res.Anomalies, render(v))
		}
		stop = t.where != ""
		t.mu.Unlock()
		if stop {
			return false
		}
	}
	return true
}

// TestModelsAgreeWithBruteForce compares every model, as the dispatcher decides it, and every algorithm by itself.
func TestModelsAgreeWithBruteForce(t *testing.T) {
	seed := oracleSeed(t)
	n, workers := 4000, 2
	if s := os.Getenv("PARTITA_ORACLE_N"); s != "" {
		n, _ = strconv.Atoi(s)
		workers = runtime.GOMAXPROCS(0)
	}
	for _, s := range specimens() {
		t.Run(s.name, func(t *testing.T) {
			ways := []options{{}, {only: bySweep}}
			got := s.compare(seed, n, workers, ways)
			if got.where != "" {
				t.Fatal(got.where)
			}
			few := s.compare(seed+1, n/8, workers, []options{{only: byPorcupine}})
			if few.where != "" {
				t.Fatal(few.where)
			}
			t.Logf("%d linearizable, %d not, decided by %v", got.valid, got.invalid, got.by)
			if got.valid < n/20 || got.invalid < n/20 {
				t.Errorf("the histories are too one-sided to show anything: %d linearizable, %d not", got.valid, got.invalid)
			}
		})
	}
}

// TestModelsOracleNoticesBrokenRules breaks one rule after the other: each must be noticed, or the agreement above means nothing.
func TestModelsOracleNoticesBrokenRules(t *testing.T) {
	seed := oracleSeed(t)
	for _, c := range []struct {
		mutation mutation
		model    string
		rule     string
	}{
		{pendingTakeDropped, "fifo-queue", "a dequeue that nobody knows about did not happen"},
		{pendingTakeDropped, "stack", "a pop that nobody knows about did not happen"},
		{pendingTakeDropped, "unordered-queue", "a dequeue that nobody knows about did not happen"},
		{pendingTakeDropped, "priority-queue", "a dequeue that nobody knows about did not happen"},
		{takenPutDropped, "fifo-queue", "a pending enqueue is dropped though somebody got its element"},
		{takenTwiceAccepted, "unordered-queue", "an element may be taken twice"},
		{takenEarlyAccepted, "unordered-queue", "an element may be taken before it was put"},
		{emptyAlwaysFits, "fifo-queue", "any take may find nothing"},
		{emptyAlwaysFits, "stack", "any take may find nothing"},
		{emptyAlwaysFits, "priority-queue", "any take may find nothing"},
		{orderIgnored, "fifo-queue", "an element may overtake another"},
		{deadlinesIgnored, "fifo-queue", "an element left over needs nobody to have taken it"},
		{unknownTakesAll, "unordered-queue", "one take that nobody knows about may have taken all"},
		{unknownTakesAll, "fifo-queue", "one take that nobody knows about may have taken all"},
		{takenBeforePut, "priority-queue", "an element may be taken in a moment before its put"},
		{urgencyIgnored, "priority-queue", "a less urgent element may come first"},
		{bottomPopsAnytime, "stack", "the bottom of a stack may be popped before the rest"},
		{bottomPushedAnytime, "stack", "the bottom of a stack may be pushed after the rest"},
		{relaxedIsProof, "stack", "one way to deal out elements that fails is taken for a proof"},
		{relaxedIsOrder, "stack", "an order with a take used twice is taken for one"},
		{addOrderIgnored, "set", "an acknowledged add may come after a later element"},
		{readOrderIgnored, "set", "a read may show an element before its add"},
		{chainIgnored, "set", "reads need not form a chain"},
		{unseenIgnored, "set", "an acknowledged add may never show"},
		{infoNeverHappened, "set", "an unknown add did not happen"},
		{infoNeverHappened, "counter", "an unknown add did not happen"},
		{infoNeverHappened, "mutex", "an unknown acquire or release did not happen"},
		{infoNeverHappened, "multi-register", "an unknown transaction did not happen"},
		{usedForgotten, "mutex", "an unknown release may release twice"},
		{deadTooEarly, "counter", "what a read answered is compared with the sum as if all adds were positive"},
	} {
		t.Run(c.model+": "+c.rule, func(t *testing.T) {
			for _, s := range specimens() {
				if s.name != c.model {
					continue
				}
				if got := s.compare(seed, 100_000, 2, []options{{mutation: c.mutation}}); got.where == "" {
					t.Error("100,000 random histories do not notice it")
				}
			}
		})
	}
}
