package workloads

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/partita-dev/partita/history"
)

// txnFlags are those of workloads of transactions on many keys. The names and the defaults are Elle's (elle.txn/wr-txns,
// elle.list-append/append-txns), but for the length, which is 1 to 4.
func txnFlags(f *pflag.FlagSet) {
	f.String("key-dist", "exponential", "how often each key is chosen: exponential (each twice as often as the one before), zipf or uniform")
	f.Int("key-count", 10, "keys in use at once")
	f.Int("min-txn-length", 1, "the fewest reads and writes in a transaction")
	f.Int("max-txn-length", 4, "the most reads and writes in a transaction")
	f.Int("max-writes-per-key", 32, "writes to a key before a new one takes its place; more make longer histories of a key, which see more")
	f.Int("read-share", 50, "how many of a hundred operations in transactions are reads")
}

// txns is the generator of transactions, and of their keys.
type txns struct {
	prefix    string
	write     string    // "append" or "w"
	weights   []float64 // of the keys in use, each with all before it
	shortest  int
	longest   int
	maxWrites int
	reads     int

	made   int
	inPlay []txnKey
}

type txnKey struct {
	name   string
	writes int
}

// newTxns reads the flags.
func newTxns(o Options, write string) (*txns, error) {
	t := &txns{prefix: o.RunID, write: write}
	keys := 0
	for _, p := range []struct {
		name        string
		to          *int
		or          int
		least, most int
	}{
		{"key-count", &keys, 10, 1, 1000}, {"min-txn-length", &t.shortest, 1, 1, 100}, {"max-txn-length", &t.longest, 4, 1, 100},
		{"max-writes-per-key", &t.maxWrites, 32, 1, 1_000_000}, {"read-share", &t.reads, 50, 0, 99},
	} {
		n, err := o.Params.Int(p.name, p.or)
		if err != nil {
			return nil, err
		}
		if n < p.least || n > p.most {
			return nil, fmt.Errorf("%s=%d: expected %d to %d", p.name, n, p.least, p.most)
		}
		*p.to = n
	}
	if t.shortest > t.longest {
		return nil, fmt.Errorf("min-txn-length=%d is more than max-txn-length=%d", t.shortest, t.longest)
	}
	var err error
	if t.weights, err = weights(o.Params.String("key-dist", "exponential"), keys); err != nil {
		return nil, err
	}
	for range keys {
		t.inPlay = append(t.inPlay, txnKey{name: t.fresh()})
	}
	return t, nil
}

// weights gives for each of n keys its weight and that of all before it.
func weights(dist string, n int) ([]float64, error) {
	one := map[string]func(i int) float64{
		"exponential": func(i int) float64 { return math.Exp2(-float64(i)) },
		"zipf":        func(i int) float64 { return 1 / float64(i+1) },
		"uniform":     func(int) float64 { return 1 },
	}[dist]
	if one == nil {
		return nil, fmt.Errorf("key-dist=%s: expected exponential, zipf or uniform", dist)
	}
	ws, sum := make([]float64, n), 0.0
	for i := range ws {
		sum += one(i)
		ws[i] = sum
	}
	return ws, nil
}

func (t *txns) fresh() string {
	t.made++
	return t.name(t.made - 1)
}

func (t *txns) name(i int) string { return t.prefix + "-" + strconv.Itoa(i) }

// used lists all keys that ever were in use.
func (t *txns) used() (names []string) {
	for i := range t.made {
		names = append(names, t.name(i))
	}
	return names
}

// Next makes a transaction. Its values are unique; a key that has had its writes is only read by it.
func (t *txns) Next(c *Ctx) (history.Op, time.Duration, Status) {
	w, process, ok := c.Next()
	if !ok {
		return history.Op{}, 0, Pending
	}
	r := c.Rand(w, c.Count(w))
	mops := make([]history.Mop, t.shortest+r.IntN(t.longest-t.shortest+1))
	for i := range mops {
		k := min(sort.SearchFloat64s(t.weights, r.Float64()*t.weights[len(t.weights)-1]), len(t.weights)-1)
		m := history.Mop{F: "r", Key: t.inPlay[k].name}
		if reads := r.IntN(100) < t.reads; !reads && t.inPlay[k].writes+writesOf(mops[:i], m.Key) < t.maxWrites {
			m.F, m.Value = t.write, history.Int(c.Unique(w)*int64(t.longest)+int64(i))
		}
		mops[i] = m
	}
	return history.Op{Process: process, F: "txn", Value: history.Txn(mops)}, c.Now, Ready
}

func writesOf(mops []history.Mop, key string) (n int) {
	for _, m := range mops {
		if m.Key == key && m.F != "r" {
			n++
		}
	}
	return n
}

// Update counts writes, and puts a new key in the place of one that has had all of its.
func (t *txns) Update(_ *Ctx, op history.Op) {
	if op.Type != history.Invoke {
		return
	}
	mops, _ := op.Value.Txn()
	for i := range t.inPlay {
		k := &t.inPlay[i]
		if k.writes += writesOf(mops, k.name); k.writes >= t.maxWrites {
			*k = txnKey{name: t.fresh()}
		}
	}
}

// keysPerFinalRead is how many keys one of the last transactions reads.
const keysPerFinalRead = 8

// final reads every key that was ever used, and through every node some.
func (t *txns) final(o Options) Generator {
	return TimeLimit(finalReadsFor, Lazy(func() Generator {
		var reads []history.Op
		for keys := t.used(); len(keys) > 0; {
			n := min(keysPerFinalRead, len(keys))
			reads = append(reads, readsOf(keys[:n]))
			keys = keys[n:]
		}
		return Any(allOf(reads), onEachNode(o, reads[len(reads)-1]))
	}))
}

// readsOf is a transaction that reads keys.
func readsOf(keys []string) history.Op {
	mops := make([]history.Mop, len(keys))
	for i, k := range keys {
		mops[i] = history.Mop{F: "r", Key: k}
	}
	return history.Op{F: "txn", Value: history.Txn(mops)}
}
