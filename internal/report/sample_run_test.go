package report

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

var sampleNodes = []string{"n1", "n2", "n3"}

// sampleOps makes a history that looks like one of a three-node register under partitions: n clients' operations spread
// over length, slow or indeterminate on the cut side while a window is open.
func sampleOps(n int, length time.Duration, windows []history.Window) []history.Op {
	rng := rand.New(rand.NewPCG(1, 2))
	type event struct {
		at time.Duration
		op history.Op
	}
	var evs []event
	const workers = 9
	process := make([]int32, workers)
	for w := range process {
		process[w] = int32(w)
	}
	at := make([]time.Duration, workers)
	value := int64(0)
	for i := range n {
		w := i % workers
		node := sampleNodes[w%3]
		think := time.Duration(rng.ExpFloat64() * float64(length) * float64(workers) / float64(n) * 0.8)
		start := at[w] + think
		took := time.Duration((0.8 + rng.ExpFloat64()*1.5) * float64(time.Millisecond))
		out := history.OK
		var e history.Err
		for _, win := range windows {
			if win.Observed.From.Happened() && start > win.Observed.From.Time && start < win.Observed.To.Time && slices.Contains(win.Harmed, node) {
				switch r := rng.Float64(); {
				case r < 0.5:
					out, took = history.Info, time.Second
					e = history.Err{Code: "deadline", Text: "context deadline exceeded"}
				case r < 0.9:
					out, took = history.Fail, time.Duration(20+rng.IntN(500))*time.Millisecond
					e = history.Err{Code: "no-leader", Text: "etcdserver: no leader"}
				}
			}
		}
		f, key := "read", fmt.Sprintf("r1-%d", i/300)
		val := history.Value("")
		ans := history.Int(value)
		switch i % 3 {
		case 1:
			value++
			f, val = "write", history.Int(value)
			ans = val
		case 2:
			f, val = "cas", history.Pair(history.Int(value), history.Int(value+1))
			ans = val
			value++
		}
		if f == "read" && out == history.Info {
			out = history.Fail
		}
		if out != history.OK {
			ans = ""
			if f != "read" {
				ans = val
			}
		}
		inv := history.Op{Time: start, Process: process[w], Type: history.Invoke, F: f, Key: key, Node: node, Value: val}
		done := inv
		done.Time, done.Type, done.Value, done.Took, done.Err = start+took, out, ans, took, e
		evs = append(evs, event{start, inv}, event{done.Time, done})
		at[w] = done.Time
		if out == history.Info {
			process[w] += workers
		}
	}
	slices.SortStableFunc(evs, func(a, b event) int { return int(a.at - b.at) })
	ops := make([]history.Op, len(evs))
	for i, e := range evs {
		ops[i] = e.op
		ops[i].Index = int64(i)
	}
	return ops
}

func stream(ops []history.Op) iter.Seq2[history.Op, error] {
	return func(yield func(history.Op, error) bool) {
		for _, o := range ops {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// sampleWindow is a partition of harmed from the rest, with its certificate.
func sampleWindow(id string, harmed []string, from, to time.Duration, seen bool) history.Window {
	var rest []string
	var edges []cluster.Edge
	for _, n := range sampleNodes {
		if !slices.Contains(harmed, n) {
			rest = append(rest, n)
		}
	}
	for _, a := range harmed {
		for _, b := range rest {
			edges = append(edges, cluster.Edge{From: a, To: b}, cluster.Edge{From: b, To: a})
		}
	}
	evidence := func(silent bool) []cluster.Evidence {
		var es []cluster.Evidence
		for _, e := range edges {
			ev := cluster.Evidence{Edge: e, TCP: "connected"}
			for _, fam := range []string{"ipv4", "ipv6"} {
				for _, kind := range []string{"old", "fresh"} {
					f := cluster.Flow{Family: fam, Kind: kind, Sent: 5, Heard: 5}
					if silent && (seen || kind == "fresh") {
						f.Heard = 0
						ev.TCP = "timeout"
					}
					ev.Flows = append(ev.Flows, f)
				}
			}
			es = append(es, ev)
		}
		return es
	}
	var during []map[string]any
	for t := from + 300*time.Millisecond; t < to; t += time.Second {
		during = append(during, map[string]any{"time": t, "seen": seen, "edges": evidence(true)})
	}
	w := history.Window{ID: id, Fault: "partition:primaries", Harmed: harmed, Sides: [][]string{harmed, rest},
		Spec:      history.Of(map[string]any{"id": id, "fault": "partition:primaries", "harmed": harmed, "edges": edges}),
		Commanded: history.Span{From: history.Point{Index: 1, Time: from}, To: history.Point{Index: 1, Time: to}},
		Observed:  history.Nowhere, Recovered: history.Point{Index: 1, Time: to + 900*time.Millisecond},
		Evidence: history.Of(map[string]any{"before": evidence(false), "during": during, "after": evidence(false), "rules": map[string]any{
			"n1": "-P INPUT ACCEPT\n-A INPUT -j PARTITA\n-A PARTITA -s 10.77.0.3/32 -j DROP\n-A PARTITA -s 10.77.0.4/32 -j DROP",
			"n2": []string{"-A INPUT -j PARTITA", "-A PARTITA -s 10.77.0.2/32 -j DROP"},
		}}),
	}
	if seen {
		w.Observed = history.Span{From: history.Point{Index: 1, Time: from + 320*time.Millisecond}, To: history.Point{Index: 1, Time: to + 410*time.Millisecond}}
	}
	return w
}

func sampleMeta() store.Meta {
	return store.Meta{RunID: "r7f3a9", Version: "v0.1.0", Go: "go1.26.8", Target: "etcd", Workload: "register", Faults: []string{"partition:primaries"}, Seed: 4711,
		Command: "partita test etcd -w register --faults partition:primaries --read-mode serializable --seed 4711 --time-limit 1m0s",
		Started: time.Date(2026, 11, 25, 2, 3, 4, 0, time.UTC), Ended: time.Date(2026, 11, 25, 2, 4, 22, 0, time.UTC), Nodes: sampleNodes, Provider: "docker", Cluster: "partita-r7f3a9",
		Image: "sha256:1f0c2b8de1", Database: map[string]string{"n1": "3.4.23", "n2": "3.4.23", "n3": "3.4.23"}, Workers: 9, TimeLimit: time.Minute, OpTimeout: time.Second,
		Interval: 20 * time.Second, Rate: 200, Params: history.Params{"read-mode": "serializable"}, Checkers: []string{"linearizable-register", "stats", "coverage"},
		Phases: []store.Phase{{Name: "cluster up", Took: 3200 * time.Millisecond}, {Name: "set-up", Took: 1900 * time.Millisecond}, {Name: "warm-up", Took: 2 * time.Second},
			{Name: "main", Took: time.Minute}, {Name: "heal", Took: 1200 * time.Millisecond}, {Name: "final", Took: 1500 * time.Millisecond}, {Name: "logs", Took: 400 * time.Millisecond}, {Name: "check", Took: 700 * time.Millisecond}}}
}

func coverageFacts(windows []history.Window) map[string]any {
	var table []map[string]any
	for _, w := range windows {
		table = append(table, map[string]any{"id": w.ID, "fault": w.Fault, "observed": w.Observed.From.Happened(), "attempts": map[string]any{"n1": 412, "n2+n3": 1288}, "ok": 1201})
	}
	return map[string]any{"score": 92, "windows": table, "ok per second before the first fault": 143.25}
}

// sampleValid, sampleInvalid, sampleInconclusive are the three runs that a reader meets most.
func sampleValid() Data {
	windows := []history.Window{sampleWindow("w1", []string{"n2"}, 12*time.Second, 22*time.Second, true), sampleWindow("w2", []string{"n3"}, 32*time.Second, 42*time.Second, true)}
	m := sampleMeta()
	m.Params, m.Command = history.Params{"read-mode": "linearizable"}, "partita test etcd -w register --faults partition:primaries --seed 4711 --time-limit 1m0s"
	return Data{Meta: m, Ops: stream(sampleOps(9000, time.Minute, windows)),
		Faults: store.Faults{Windows: windows, Plan: history.Plan{Nodes: sampleNodes, Faults: []string{"partition:primaries"}, Planned: map[string]int{"partition:primaries": 2}, Final: history.Point{Index: 1, Time: 59 * time.Second}}},
		Logs:   []LogFile{{"controller.log", -1}, {"logs/n1/etcd.log", 182_331}, {"logs/n2/etcd.log", 201_877}, {"logs/n3/etcd.log", 99_120}},
		Verdict: store.Verdict{Verdict: checker.Valid, Ops: store.Counts{OK: 8700, Fail: 200, Info: 100}, Seed: 4711,
			Summary: "etcd answered 8,700 operations on 30 keys as one consistent copy of the data would have, through 2 partitions that were really there.",
			Checkers: []store.CheckerResult{
				{Name: "linearizable-register", Took: 612 * time.Millisecond, Result: checker.Result{Verdict: checker.Valid, Facts: map[string]any{"algorithm": "porcupine", "keys": 30, "longest key": 300}}},
				{Name: "stats", Took: 3 * time.Millisecond, Result: checker.Result{Verdict: checker.Valid, Facts: map[string]any{"by operation": map[string]any{"read": map[string]any{"ok": 2901, "fail": 99, "info": 0, "p99": "4.1 ms"}, "write": map[string]any{"ok": 2880, "fail": 60, "info": 60, "p99": "5.2 ms"}}}}},
				{Name: "coverage", Took: time.Millisecond, Result: checker.Result{Verdict: checker.Valid, Facts: coverageFacts(windows)}},
			}}}
}

func sampleInvalid() Data {
	d := sampleValid()
	d.Meta = sampleMeta()
	ops := sampleOps(9000, time.Minute, d.Faults.Windows)
	// A write that was acknowledged by n1 and a read through the cut-off n2 that does not show it, 3 s later.
	story := []history.Op{
		{Time: 13100 * time.Millisecond, Process: 900, F: "write", Node: "n2", Value: "17", Took: 3 * time.Millisecond},
		{Time: 14200 * time.Millisecond, Process: 901, F: "cas", Node: "n1", Value: "[17,21]", Took: 4 * time.Millisecond},
		{Time: 16350 * time.Millisecond, Process: 902, F: "write", Node: "n3", Value: "22", Took: 1000 * time.Millisecond},
		{Time: 17300 * time.Millisecond, Process: 903, F: "read", Node: "n2", Took: 2 * time.Millisecond},
	}
	for i, o := range story {
		inv, done := o, o
		inv.Type, inv.Took, inv.Key = history.Invoke, 0, "r1-demo"
		done.Type, done.Time, done.Key = history.OK, o.Time+o.Took, "r1-demo"
		if i == 2 {
			done.Type, done.Err = history.Info, history.Err{Code: "deadline", Text: "context deadline exceeded"}
		}
		if o.F == "read" {
			done.Value = "17"
		}
		ops = append(ops, inv, done)
	}
	slices.SortStableFunc(ops, func(a, b history.Op) int { return int(a.Time - b.Time) })
	var proof []int64
	var exhibit checker.Exhibit
	notes := map[int32]string{900: "wrote 17, which the read answers", 901: "replaced 17 by 21, and n1 said so", 902: "may have happened, and changes nothing here", 903: "began 3.1 s after 17 was gone, and answers it"}
	for i := range ops {
		ops[i].Index = int64(i)
		if p := ops[i].Process; p >= 900 {
			proof = append(proof, int64(i))
			if ops[i].Type == history.Invoke {
				exhibit.Ops = append(exhibit.Ops, checker.ExhibitOp{Process: p, From: history.Point{Index: int64(i), Time: ops[i].Time}, Note: notes[p]})
			}
		}
	}
	exhibit.Why = "the read would have to take effect before 17 was replaced, but it was called 3.1 s after that had been acknowledged"
	d.Ops = stream(ops)
	text := "n2 answered 17 to a read that began 3.1 s after 21 had been written and acknowledged by n1."
	d.Verdict.Verdict, d.Verdict.Summary = checker.Invalid, "etcd answered 37 reads with values that had been overwritten up to 8.2 s before. For example, key r1-demo: n2 answered 17 to a read that began 3.1 s after 21 had been written and acknowledged by n1."
	d.Verdict.Checkers[0].Result = checker.Result{Verdict: checker.Invalid, Reason: "3 of 30 keys are not linearizable", Facts: map[string]any{"algorithm": "porcupine", "keys": 30},
		Anomalies: []checker.Anomaly{
			{Name: "stale-read", Key: "r1-demo", Ops: proof, Text: text, Data: exhibit},
			{Name: "stale-read", Key: "r1-9", Ops: []int64{3000, 3004, 3011, 3020, 3030}, Text: "n2 answered 912 to a read that began 1.4 s after 915 had been written."},
			{Name: "nonlinearizable", Key: "r1-11", Ops: []int64{3600, 3601, 3602, 3603, 3604, 3605, 3606, 3607, 3620, 3621, 3640}, Text: "No order explains these answers."},
		}}
	return d
}

func sampleInconclusive() Data {
	d := sampleValid()
	windows := []history.Window{sampleWindow("w1", []string{"n2"}, 12*time.Second, 22*time.Second, true), sampleWindow("w2", []string{"n1"}, 32*time.Second, 42*time.Second, false)}
	windows[1].Errors = []string{"n1: set the rules: iptables-restore ended with status 4: Another app is currently holding the xtables lock"}
	windows[1].Recovered = history.Never
	d.Faults.Windows = windows
	d.Verdict.Verdict, d.Verdict.Summary = checker.Inconclusive, "No anomaly was found, but the second partition never cut anything: it was commanded, and no probe saw it."
	d.Verdict.Checkers[2].Result = checker.Result{Verdict: checker.Inconclusive, Reason: "window w2 (partition:primaries) was commanded and never observed", Facts: coverageFacts(windows)}
	return d
}
