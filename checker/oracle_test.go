package checker

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/history"
)

// truth is what an oracle says of a history, straight from the definition.
type truth struct {
	names   []string // of the anomalies, sorted, each once
	unknown bool     // where there is no anomaly
}

func (x truth) String() string {
	switch {
	case len(x.names) > 0:
		return "invalid: " + strings.Join(x.names, " ")
	case x.unknown:
		return "unknown"
	}
	return "valid"
}

// found makes a truth of a set of names.
func found(names map[string]bool, unknown bool) truth {
	return truth{slices.Sorted(maps.Keys(names)), unknown && len(names) == 0}
}

// budget is how many random histories an oracle judges, and seed which.
func budget(t *testing.T) (n int, seed uint64) {
	t.Helper()
	n, seed = 3000, uint64(time.Now().UnixNano())
	if s := os.Getenv("PARTITA_ORACLE_N"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if s := os.Getenv("PARTITA_ORACLE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d histories, PARTITA_ORACLE_SEED=%d", n, seed)
	return n, seed
}

// oracle compares a checker with an oracle on random histories, and shows for each mistake that the comparison notices it.
func oracle(t *testing.T, make func(mistake) Checker, mistakes []mistake, draw func(*rand.Rand) Input, says func(Input) truth) {
	t.Helper()
	t.Parallel()
	n, seed := budget(t)
	r := rand.New(rand.NewPCG(seed, 0))
	judge := func(in Input, m mistake) (truth, Result) {
		res := make(m).Check(context.Background(), in)
		got := map[string]bool{}
		for _, a := range res.Anomalies {
			got[a.Name] = true
		}
		return found(got, res.Verdict == Unknown), res
	}
	missed := map[mistake]bool{}
	for _, m := range mistakes {
		missed[m] = true
	}
	seen := map[string]int{}
	for i := 0; i < n || i < 40*n && i < 400_000 && len(missed) > 0; i++ {
		in := draw(r)
		want := says(in)
		if i < n {
			for _, name := range want.names {
				seen[name]++
			}
			if len(want.names) == 0 {
				seen[want.String()]++
			}
			got, res := judge(in, "")
			if got.String() != want.String() || (res.Verdict == Invalid) != (len(want.names) > 0) {
				t.Fatalf("history %d, %v\ngot  %s (%s)\nwant %s\n%s%v", i, in.Params, got, res.Reason, want, plain(in.History), in.Plan)
			}
			for _, a := range res.Anomalies {
				if len(a.Ops) == 0 || a.Text == "" {
					t.Fatalf("history %d: %+v", i, a)
				}
			}
		}
		for m := range missed {
			if got, _ := judge(in, m); got.String() != want.String() {
				delete(missed, m)
			}
		}
	}
	for m := range missed {
		t.Errorf("nothing shows that this is wrong: %s", m)
	}
	for _, s := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%8d × %s", seen[s], s)
	}
	if seen["valid"] < n/100 || seen["valid"] > n-n/20 {
		t.Errorf("the histories are too one-sided to show much: %d of %d are valid", seen["valid"], n)
	}
}

// world answers the operations of a random history.
type world struct {
	invoke func() history.Op
	// complete gives the value of an operation that ends so. An effect of unknown outcome takes place here too, or not.
	complete func(o history.Op) history.Op
}

// randomHistory draws what three clients on two nodes see of a world, with failures and unknown outcomes.
func randomHistory(r *rand.Rand, events int, w world) *history.View {
	open := map[int32]history.Op{}
	process := []int32{0, 1, 2}
	at := time.Duration(0)
	var ops []history.Op
	push := func(o history.Op) {
		at += time.Duration(r.IntN(3)) * time.Millisecond
		o.Index, o.Time = int64(len(ops)), at
		ops = append(ops, o)
	}
	for range events {
		i := r.IntN(3)
		o, busy := open[process[i]]
		if !busy {
			o = w.invoke()
			o.Process, o.Type, o.Node = process[i], history.Invoke, fmt.Sprintf("n%d", 1+i%2)
			open[o.Process] = o
			push(o)
			continue
		}
		delete(open, o.Process)
		switch r.IntN(10) {
		case 0:
			o.Type = history.Fail
		case 1:
			o.Type = history.Info
			process[i] += 3
		default:
			o.Type = history.OK
		}
		push(w.complete(o))
	}
	v, err := history.NewView(ops)
	if err != nil {
		panic(err) // the generator makes histories
	}
	return v
}

// pick draws one of several things.
func pick[T any](r *rand.Rand, xs ...T) T { return xs[r.IntN(len(xs))] }
