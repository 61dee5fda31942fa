package workloads

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

const (
	// lockPause is how long a client waits before it asks again for a lock that it did not get.
	lockPause = 50 * time.Millisecond
	// shortHold is the mean time for which the last client of each node keeps a lock.
	shortHold = 40 * time.Millisecond
	// locksPerClient leaves some locks free, however many are kept for long.
	locksPerClient = 2
	// writeEvery is the time between two writes under a lock.
	writeEvery = 200 * time.Millisecond
	// releaseTries is how often a client asks for the release of a lock that is not refused for good.
	releaseTries = 3
)

// Lock is the workload of locks. The last client of each node gives a lock back soon; the others keep theirs for long, so
// that a cut finds clients that hold one, and goes on long enough for its lease to end and somebody else to get it.
func Lock() Workload {
	return Workload{
		Name:   "lock",
		Doc:    "acquires and releases locks; no two clients may hold one at once, or with --fencing none may write under it after a newer one did",
		Object: "lock",
		Ops:    []string{"acquire", "release"},
		Flags: func(f *pflag.FlagSet) {
			f.Bool("fencing", false, "write under the lock, guarded by its fencing token; then two clients may believe that they hold it")
			f.Duration("hold", 15*time.Second, "how long most clients keep a lock; longer than the lease of a lock and an election together")
		},
		Build: buildLock,
	}
}

func buildLock(o Options) (Built, error) {
	fencing, err := o.Params.Bool("fencing", false)
	if err != nil {
		return Built{}, err
	}
	hold, err := o.Params.Duration("hold", 15*time.Second)
	if err != nil {
		return Built{}, err
	}
	nodes := max(len(o.Nodes), 1)
	if hold < shortHold {
		return Built{}, fmt.Errorf("hold=%s: expected %s or more", hold, shortHold)
	}
	if o.Workers < 2*nodes {
		return Built{}, fmt.Errorf("workload lock needs a client on each node that keeps a lock and one that does not: with %d nodes take --concurrency 2n or more", nodes)
	}
	l := &locks{prefix: o.RunID, hold: hold, fencing: fencing, short: o.Workers - nodes}
	for range locksPerClient * o.Workers {
		l.fresh()
	}
	return Built{
		Main: Rate(o.Rate, EachProcess(func(w int) Generator { return &locker{locks: l, worker: w} })),
		// Every node can still give a lock, one of its own.
		Final: TimeLimit(finalTries, Lazy(func() Generator {
			var gs []Generator
			for _, n := range o.Nodes {
				gs = append(gs, OnNode(n, UntilOK(Delay(500*time.Millisecond, Repeat(history.Op{F: "acquire", Key: o.RunID + "-final-" + n})))))
			}
			return Any(gs...)
		})),
		Checkers: []string{"lock", "stats", "recovery", "coverage"},
	}, nil
}

// locks are the locks of a run, known to all of its clients.
type locks struct {
	prefix  string
	hold    time.Duration
	fencing bool
	short   int // from this worker on locks are given back soon
	made    int
	inPlay  []*lock
}

// lock is one of them.
type lock struct {
	key   string
	moved time.Duration // when it was last acquired or released
}

func (l *locks) fresh() *lock {
	k := &lock{key: l.prefix + "-" + strconv.Itoa(l.made)}
	l.made++
	l.inPlay = append(l.inPlay, k)
	return k
}

// stuck replaces a lock that nobody got for long after it must have been given back: without a lease the death of a
// holder keeps it for ever.
func (l *locks) stuck(k *lock, now time.Duration) {
	if now-k.moved < 2*l.hold {
		return
	}
	for i, x := range l.inPlay {
		if x == k {
			l.inPlay[i] = l.inPlay[len(l.inPlay)-1]
			l.inPlay = l.inPlay[:len(l.inPlay)-1]
			l.fresh().moved = now
			return
		}
	}
}

// locker is one client: it acquires a lock, keeps it, perhaps writes under it, and gives it back.
type locker struct {
	*locks
	worker int

	on        *lock         // that it asked for, holds, or gives back
	holds     bool          // as far as it knows
	token     history.Value // that came with it
	writeAt   time.Duration // when it writes next
	until     time.Duration // when it gives it back
	after     time.Duration // before that time it neither asks for a lock nor gives it back
	releasing int           // how often it asked for the release
}

func (k *locker) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	op, at := history.Op{Process: process, F: "acquire"}, max(c.Now, k.after)
	switch {
	case !k.holds:
		op.Key = k.pick(c, w).key
	case k.fencing && !k.token.IsNil() && k.writeAt < k.until && k.releasing == 0:
		op.F, op.Key, op.Value, at = "write", k.on.key, history.Pair(k.token, history.Int(c.Unique(w))), max(c.Now, k.writeAt)
	default:
		op.F, op.Key, at = "release", k.on.key, max(at, k.until)
	}
	return op, at, Ready
}

// pick draws a lock.
func (k *locker) pick(c *Ctx, w int) *lock {
	return k.inPlay[c.Draw(w, c.Count(w))%uint64(len(k.inPlay))]
}

func (k *locker) Update(c *Ctx, op history.Op) {
	switch {
	case op.Type == history.Invoke && op.F == "acquire":
		k.on = k.pick(c, k.worker)
	case op.Type == history.Invoke && op.F == "release":
		k.releasing++
	case op.Type == history.Invoke:
	case op.F == "acquire" && op.Type == history.OK:
		k.got(c, op.Ext)
	case op.F == "acquire":
		k.stuck(k.on, c.Now)
		k.after = c.Now + lockPause
	case op.F == "write" && (op.Type == history.OK || op.Err.Code != "fenced"):
		k.writeAt = c.Now + writeEvery // one that failed may have met a bad moment
	case op.F == "release" && op.Type == history.Fail && op.Err.Code != "not-held" && k.releasing < releaseTries:
		k.after = c.Now + lockPause
	default: // it is free of the lock
		if op.F == "release" {
			k.on.moved = c.Now
		}
		k.holds, k.releasing, k.after = false, 0, c.Now+lockPause
	}
}

// got begins a hold. Some write all the time; others only at the end, so that they sleep through a cut and write when
// somebody else has got the lock since.
func (k *locker) got(c *Ctx, token history.Value) {
	k.on.moved, k.holds, k.token = c.Now, true, token
	k.until, k.writeAt = c.Now+k.holdFor(c), c.Now
	if c.Draw(k.worker, -c.Count(k.worker))%2 == 0 {
		k.writeAt = k.until - writeEvery
	}
}

// holdFor is how long a client keeps the lock that it got now: between a half and one and a half of the mean.
func (k *locker) holdFor(c *Ctx) time.Duration {
	mean := k.hold
	if k.worker >= k.short {
		mean = shortHold
	}
	return mean/2 + time.Duration(c.Draw(k.worker, c.Count(k.worker))%uint64(mean))
}
