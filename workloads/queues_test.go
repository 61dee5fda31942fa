package workloads_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/workloads"
)

// throughACut is a workload for 30 s, of which the last node is cut off for 10.
func throughACut(t *testing.T, w workloads.Workload, seed uint64) *try {
	t.Helper()
	r := newTry(w.Object, 9, 3)
	r.seed, r.world.latency = seed, 2*time.Millisecond
	r.world.cut, r.world.from, r.world.to = "n3", 10*time.Second, 20*time.Second
	opts := r.options()
	opts.Rate = 200
	b, err := w.Build(opts)
	if err != nil {
		t.Fatal(err)
	}
	r.run(t, workloads.TimeLimit(30*time.Second, b.Main), b.Final)
	return r
}

// ended lists the operations of one name that were ok, and of those of the final phase who did them.
func (r *try) ended(f string) (all, last []history.Op) {
	for _, o := range r.ops {
		if o.F == f && o.Type == history.OK {
			if all = append(all, o); o.Time > 30*time.Second {
				last = append(last, o)
			}
		}
	}
	return all, last
}

func nodesOf(ops []history.Op) string {
	var names []string
	for _, o := range ops {
		names = append(names, o.Node)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), " ")
}

// What went into a queue came out, each node saw it empty in the end, and it never held many more than it may.
func TestAQueueIsEmptiedThroughEveryNode(t *testing.T) {
	r := throughACut(t, workloads.Queue(), 1)
	in, _ := r.ended("enqueue")
	out, last := r.ended("dequeue")
	there := map[history.Value]bool{}
	for _, o := range in {
		there[o.Value] = true
	}
	for _, o := range out {
		delete(there, o.Value)
	}
	empty := slices.DeleteFunc(last, func(o history.Op) bool { return !o.Value.IsNil() })
	if len(there) > 0 || len(in) < 1000 || nodesOf(empty) != "n1 n2 n3" || len(last) == len(empty) {
		t.Errorf("%d of %d messages did not come out; %q saw it empty; %d came out in the end", len(there), len(in), nodesOf(empty), len(last)-len(empty))
	}
	full, most := 0, 0
	for _, o := range r.ops {
		switch {
		case o.Type == history.OK && o.F == "enqueue":
			full++
		case o.Type == history.OK && !o.Value.IsNil():
			full--
		}
		most = max(most, full)
	}
	if most > 220 {
		t.Errorf("the queue held %d messages", most)
	}
}

// A stack has at most three operations of unknown end, and the last ones are emptied through every node.
func TestStacksAreEmptiedThroughEveryNode(t *testing.T) {
	r := throughACut(t, workloads.Stack(), 1)
	unknown, left := map[string]int{}, map[string]int{}
	for _, o := range r.ops {
		switch {
		case o.Type == history.Info:
			unknown[o.Key]++
		case o.Type == history.OK && o.F == "push":
			left[o.Key]++
		case o.Type == history.OK && !o.Value.IsNil():
			left[o.Key]--
		}
	}
	emptied := map[string][]history.Op{}
	_, last := r.ended("pop")
	for _, o := range last {
		if o.Value.IsNil() {
			emptied[o.Key] = append(emptied[o.Key], o)
		}
	}
	for key, n := range unknown {
		if n > 3 {
			t.Errorf("%d operations on %s are of unknown end", n, key)
		}
	}
	for key, ops := range emptied {
		if left[key] != 0 || nodesOf(ops) != "n1 n2 n3" {
			t.Errorf("%d values are left on %s, which %s saw empty", left[key], key, nodesOf(ops))
		}
	}
	if len(unknown) == 0 || len(emptied) != 12 {
		t.Errorf("%d stacks with unknown operations, %d emptied", len(unknown), len(emptied))
	}
}

// Every node has read all logs to their ends, clients read different logs one after the other, and logs are replaced.
func TestLogsAreReadToTheirEnds(t *testing.T) {
	r := throughACut(t, workloads.Log(), 1)
	sent, _ := r.ended("send")
	polled, last := r.ended("poll")
	read, names := map[string]map[string]bool{}, map[string]bool{}
	for _, o := range polled {
		var got map[string][]history.Value
		if err := o.Value.Decode(&got); err != nil {
			t.Fatal(err)
		}
		for name, records := range got {
			names[name] = true
			for _, rec := range records {
				if read[o.Node] == nil {
					read[o.Node] = map[string]bool{}
				}
				read[o.Node][name+string(rec)] = true
			}
		}
	}
	for _, o := range sent {
		name, rec, _ := o.Value.Pair()
		s, _ := name.Str()
		for _, n := range r.nodes {
			if !read[n][s+string(rec)] {
				t.Fatalf("%s never read %s of log %s", n, rec, s)
			}
		}
	}
	assigned, _ := r.ended("assign")
	if len(sent) < 1000 || nodesOf(last) != "n1 n2 n3" || len(names) < 12 || len(assigned) < 20 {
		t.Errorf("%d records, the last polls by %q, %d logs, %d assignments", len(sent), nodesOf(last), len(names), len(assigned))
	}
}

// All sets that ever were are read through every node in the end, and a set is read while it grows.
func TestSetsAreReadAllTheTime(t *testing.T) {
	r := throughACut(t, workloads.SetFull(), 1)
	reads, last := r.ended("read")
	adds, _ := r.ended("add")
	final := map[string][]history.Op{}
	for _, o := range last {
		final[o.Key] = append(final[o.Key], o)
	}
	for _, o := range adds {
		if nodesOf(final[o.Key]) != "n1 n2 n3" {
			t.Fatalf("%s was read by %q in the end", o.Key, nodesOf(final[o.Key]))
		}
	}
	if len(reads) < 1000 || len(adds) < 1000 || len(final) < 6 {
		t.Errorf("%d reads and %d adds of %d sets", len(reads), len(adds), len(final))
	}
}

func TestQueuesRefuseWhatMakesNoSense(t *testing.T) {
	for _, c := range []struct {
		w       workloads.Workload
		workers int
		p       history.Params
		says    string
	}{
		{workloads.Queue(), 2, nil, "--concurrency 1n"},
		{workloads.Queue(), 3, history.Params{"backlog": "0"}, "backlog=0"},
		{workloads.Queue(), 3, history.Params{"backlog": "x"}, "backlog"},
		{workloads.Stack(), 2, nil, "--concurrency 1n"},
		{workloads.Stack(), 3, history.Params{"ops-per-stack": "0"}, "ops-per-stack=0"},
		{workloads.SetFull(), 2, nil, "--concurrency 1n"},
		{workloads.SetFull(), 3, history.Params{"ops-per-set": "-1"}, "ops-per-set=-1"},
		{workloads.Log(), 2, nil, "--concurrency 1n"},
		{workloads.Log(), 3, history.Params{"logs": "0"}, "logs=0"},
		{workloads.Log(), 3, history.Params{"records-per-log": "x"}, "records-per-log"},
	} {
		_, err := c.w.Build(workloads.Options{RunID: "run", Nodes: []string{"n1", "n2", "n3"}, Workers: c.workers, Params: c.p})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %v: %v", c.w.Name, c.p, err)
		}
	}
}
