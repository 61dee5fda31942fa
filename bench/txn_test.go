package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/checker/txn"
	"github.com/partita-dev/partita/history"
)

// processorTime is what this process has used so far, on all processors, in nanoseconds: on a busy machine it says more than
// the time on the wall.
func processorTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkTransactions judges transactions at strict serializability, without reading the file. alloc-MiB is all
// that the checking allocated beside the history. PARTITA_BENCH_TXNS gives another number of transactions than 100,000; a
// history with stale reads has half as many.
//
//	go test -run '^$' -bench Transactions -benchtime 3x ./bench/
func BenchmarkTransactions(b *testing.B) {
	n := 100_000
	if s := os.Getenv("PARTITA_BENCH_TXNS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatalf("PARTITA_BENCH_TXNS: %v", err)
		}
	}
	for _, c := range []struct {
		name string
		spec checker.Spec
		load txnLoad
		want checker.Verdict
	}{
		{"list-append/32", txn.ListAppend(), txnLoad{perKey: 32, exponential: true}, checker.Valid},
		{"list-append/256", txn.ListAppend(), txnLoad{perKey: 256, exponential: true}, checker.Valid},
		{"list-append/uniform", txn.ListAppend(), txnLoad{perKey: 256}, checker.Valid},
		{"list-append/stale=0.1%", txn.ListAppend(), txnLoad{perKey: 32, exponential: true, stale: 0.001}, checker.Invalid},
		{"list-append/stale=1%", txn.ListAppend(), txnLoad{perKey: 32, exponential: true, stale: 0.01}, checker.Invalid},
		{"rw-register/32", txn.RWRegister(), txnLoad{perKey: 32, exponential: true, register: true}, checker.Valid},
		{"rw-register/256", txn.RWRegister(), txnLoad{perKey: 256, exponential: true, register: true}, checker.Valid},
	} {
		b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
			c.load.n, c.load.clients, c.load.seed = n, 20, 7
			if c.want == checker.Invalid {
				c.load.n /= 2
			}
			v, err := history.NewView(c.load.history())
			if err != nil {
				b.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			b.ReportAllocs()
			used := processorTime(b)
			b.ResetTimer()
			var r checker.Result
			for range b.N {
				r = c.spec.Checker.Check(context.Background(), checker.Input{History: v})
			}
			b.StopTimer()
			b.ReportMetric(float64(processorTime(b)-used)/float64(b.N)/1e6, "cpu-ms/op")
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/(1<<20), "alloc-MiB/op")
			b.ReportMetric(float64(c.load.n)*float64(b.N)/b.Elapsed().Seconds(), "txns/s")
			if r.Verdict != c.want {
				b.Fatalf("%s: %s", r.Verdict, r.Reason)
			}
			if counts, _ := r.Facts["anomalies"].(map[string]int); len(counts) > 0 {
				b.Logf("%s", r.Reason)
			}
		})
	}
}
