package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sched"
	"github.com/partita-dev/partita/workloads"
)

// BenchmarkScheduler records the register workload. An operation is an invocation and its completion, both in the file.
// heap-MiB is what lives after the run, which must not grow with its length.
func BenchmarkScheduler(b *testing.B) {
	nodes := []string{"n1", "n2", "n3"}
	for _, workers := range []int{3, 15, 60} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			w, err := history.Create(filepath.Join(b.TempDir(), "history.jsonl"))
			if err != nil {
				b.Fatal(err)
			}
			built, err := workloads.Register().Build(workloads.Options{RunID: "bench", Nodes: nodes, Workers: workers})
			if err != nil {
				b.Fatal(err)
			}
			s, err := sched.New(sched.Config{
				Cluster: memory.Nodes(nodes...), Driver: memory.New("register"), Workers: workers, Seed: 1, History: w,
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			if err := s.Run(context.Background(), workloads.Limit(b.N, built.Main)); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
			b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "heap-MiB")
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
