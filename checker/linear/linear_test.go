package linear

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
)

// parse reads a story: one event a line, "process@node type f value", 100 ms apart.
func parse(t testing.TB, story string) *history.View {
	t.Helper()
	var ops []history.Op
	types := map[string]history.Type{"invoke": history.Invoke, "ok": history.OK, "fail": history.Fail, "info": history.Info}
	for line := range strings.Lines(story) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		o := history.Op{Index: int64(len(ops)), Time: time.Duration(len(ops)) * 100 * time.Millisecond, Key: "k", Type: types[f[1]], F: f[2]}
		if _, err := fmt.Sscanf(f[0], "%d@%s", &o.Process, &o.Node); err != nil {
			t.Fatal(line, err)
		}
		if len(f) > 3 {
			o.Value = history.Value(f[3])
		}
		ops = append(ops, o)
	}
	v, err := history.NewView(ops)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// registers is the checker of registers with a rule broken or an algorithm left out.
func registers(o options) registerChecker {
	return registerChecker{keyed{model: model{take: takeRegister}, options: o}}
}

func check(v *history.View, params history.Params) checker.Result {
	return registers(options{}).Check(context.Background(), checker.Input{History: v, Params: params})
}

func TestStories(t *testing.T) {
	for _, c := range []struct {
		name, story string
		params      history.Params
		want        checker.Verdict
		anomaly     string
		ops         int    // of the proof
		text        string // part of the sentence
	}{
		{name: "a read sees what was written", want: checker.Valid, story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			1@n2 invoke read
			1@n2 ok     read  1`},
		{name: "an ok read without a value means nil", want: checker.Valid, story: `
			1@n2 invoke read
			1@n2 ok     read`},
		{name: "the initial value comes from a parameter", want: checker.Valid, params: history.Params{"initial": "7.0"}, story: `
			1@n2 invoke read
			1@n2 ok     read 7`},
		{name: "stale read", want: checker.Invalid, anomaly: "stale-read", ops: 3,
			text: "n2 answered 1 to a read that began 300 ms after 2 had been written through n1", story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			0@n1 invoke write 2
			0@n1 ok     write 2
			2@n3 invoke read
			2@n3 ok     read 2
			1@n2 invoke read
			1@n2 ok     read  1`},
		{name: "stale read: what another client had seen, though its write is not over", want: checker.Invalid, anomaly: "stale-read", ops: 4,
			text: "n2 answered 1 to a read that began 100 ms after 2 had been seen through n3", story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			0@n1 invoke write 2
			2@n3 invoke read
			2@n3 ok     read 2
			1@n2 invoke read
			1@n2 ok     read  1
			0@n1 info   write 2`},
		{name: "stale read of the initial value", want: checker.Invalid, anomaly: "stale-read", ops: 2, text: "n2 answered nil", story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			2@n3 invoke cas [1,2]
			2@n3 ok     cas [1,2]
			1@n2 invoke read
			1@n2 ok     read`},
		{name: "not stale: the old value may have been written again by a write whose end nobody knows", want: checker.Valid, story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			3@n1 invoke write 1
			3@n1 info   write 1
			0@n1 invoke write 2
			0@n1 ok     write 2
			1@n2 invoke read
			1@n2 ok     read  1`},
		{name: "lost write: nobody ever saw it, and all saw older things", want: checker.Invalid, anomaly: "lost-write", ops: 3, text: "no read ever saw 2", story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			0@n1 invoke write 2
			0@n1 ok     write 2
			2@n3 invoke read
			2@n3 ok     read 1
			1@n2 invoke read
			1@n2 ok     read 1`},
		{name: "only stale: one node alone is no proof of a loss", want: checker.Invalid, anomaly: "stale-read", ops: 3, story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			0@n1 invoke write 2
			0@n1 ok     write 2
			1@n2 invoke read
			1@n2 ok     read 1`},
		{name: "aborted read", want: checker.Invalid, anomaly: "aborted-read", ops: 2, text: "had failed for certain", story: `
			0@n1 invoke write 1
			0@n1 fail   write 1
			1@n2 invoke read
			1@n2 ok     read  1`},
		{name: "thin air", want: checker.Invalid, anomaly: "thin-air-read", ops: 1, text: "nobody wrote", story: `
			1@n2 invoke read
			1@n2 ok     read  9`},
		{name: "future read", want: checker.Invalid, anomaly: "future-read", ops: 2, text: "100 ms before anybody asked", story: `
			1@n2 invoke read
			1@n2 ok     read  9
			0@n1 invoke write 9
			0@n1 ok     write 9`},
		{name: "two clients cas the same value away", want: checker.Invalid, anomaly: "lost-update", ops: 3, text: "changed 1 to something else", story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			1@n2 invoke cas [1,2]
			2@n3 invoke cas [1,3]
			1@n2 ok     cas [1,2]
			2@n3 ok     cas [1,3]`},
		{name: "a failed cas says nothing about the value", want: checker.Valid, story: `
			0@n1 invoke write 1
			0@n1 ok     write 1
			1@n2 invoke cas [1,2]
			1@n2 fail   cas [1,2]
			1@n2 invoke read
			1@n2 ok     read 1`},
		{name: "two reads disagree about the order of two concurrent writes", want: checker.Invalid, anomaly: "nonlinearizable", ops: 5, story: `
			0@n1 invoke write 1
			1@n2 invoke write 2
			2@n3 invoke read
			2@n3 ok     read 1
			2@n3 invoke read
			2@n3 ok     read 2
			2@n3 invoke read
			2@n3 ok     read 1
			0@n1 ok     write 1
			1@n2 ok     write 2`},
		{name: "a write without an end may land at any later time", want: checker.Valid, story: `
			0@n1 invoke write 1
			0@n1 info   write 1
			1@n2 invoke read
			1@n2 ok     read
			1@n2 invoke read
			1@n2 ok     read 1`},
		{name: "an operation that no register has", want: checker.Unknown, text: "", story: `
			0@n1 invoke enqueue 1
			0@n1 ok     enqueue 1`},
		{name: "a cas that is none", want: checker.Unknown, story: `
			0@n1 invoke cas 1
			0@n1 ok     cas 1`},
		{name: "nothing succeeded", want: checker.Unknown, story: `
			0@n1 invoke read
			0@n1 fail   read`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := check(parse(t, c.story), c.params)
			if r.Verdict != c.want {
				t.Fatalf("got %s (%s) %+v, want %s", r.Verdict, r.Reason, r.Anomalies, c.want)
			}
			if r.Verdict != checker.Valid && r.Reason == "" {
				t.Error("no reason")
			}
			if c.want != checker.Invalid {
				return
			}
			a := r.Anomalies[0]
			if ex := a.Data.(checker.Exhibit); a.Name != c.anomaly || len(ex.Ops) != c.ops || !strings.Contains(a.Text, c.text) || a.Key != "k" {
				t.Errorf("got %+v, want %s of %d operations, saying %q", a, c.anomaly, c.ops, c.text)
			}
			if _, ok := checker.Explain(a.Name); !ok || len(a.RulesOut) == 0 || len(a.Ops) < c.ops {
				t.Errorf("%s is not explained, rules nothing out or names no events: %+v", a.Name, a)
			}
		})
	}
}

// long is a correct history of n operations by five clients; bad, when not negative, is the number of the read that is spoilt.
func long(n int, spoil func(*[]history.Op)) *history.View {
	r := rand.New(rand.NewPCG(1, 2))
	var ops []history.Op
	state := history.Value("")
	var running [5]*history.Op
	for i := 0; i < n; {
		p := r.IntN(len(running))
		if running[p] == nil {
			o := history.Op{Process: int32(p), Node: fmt.Sprintf("n%d", p+1), Key: "k", Type: history.Invoke, F: "read"}
			switch r.IntN(3) {
			case 0:
				o.F, o.Value = "write", history.Int(int64(i))
			case 1:
				o.F, o.Value = "cas", history.Pair(state, history.Int(int64(i)))
			}
			i++
			ops = append(ops, o)
			running[p] = &o
			continue
		}
		o := *running[p]
		o.Type = history.OK
		switch o.F {
		case "read":
			o.Value = state
		case "write":
			state = o.Value
		case "cas":
			if from, to, _ := o.Value.Pair(); from == state {
				state = to
			} else {
				o.Type = history.Fail
			}
		}
		ops = append(ops, o)
		running[p] = nil
	}
	if spoil != nil {
		spoil(&ops)
	}
	for i := range ops {
		ops[i].Index, ops[i].Time = int64(i), time.Duration(i)*time.Millisecond
	}
	v, err := history.NewView(ops)
	if err != nil {
		panic(err)
	}
	return v
}

func TestLongHistoryIsFast(t *testing.T) {
	if r := check(long(2000, nil), nil); r.Verdict != checker.Valid {
		t.Fatalf("%+v", r)
	}
}

// TestCounterexampleIsSmall spoils one read in the middle of a long history such that no rule finds it, and asks for a
// small proof, which must itself be refuted by brute force.
func TestCounterexampleIsSmall(t *testing.T) {
	v := long(600, func(ops *[]history.Op) {
		at := len(*ops) / 2
		for i := at; i < len(*ops); i++ { // three reads by a sixth client: 1 2 1, of two writes that overlap
			if (*ops)[i].Type == history.Invoke {
				at = i
				break
			}
		}
		w := func(p int32, typ history.Type, f string, val int64) history.Op {
			return history.Op{Process: p, Node: "n9", Key: "k", Type: typ, F: f, Value: history.Int(val)}
		}
		*ops = slices.Insert(*ops, at,
			w(10, history.Invoke, "write", 100001), w(11, history.Invoke, "write", 100002),
			w(12, history.Invoke, "read", 0), w(12, history.OK, "read", 100001),
			w(12, history.Invoke, "read", 0), w(12, history.OK, "read", 100002),
			w(12, history.Invoke, "read", 0), w(12, history.OK, "read", 100001),
			w(10, history.OK, "write", 100001), w(11, history.OK, "write", 100002))
	})
	r := check(v, nil)
	if r.Verdict != checker.Invalid {
		t.Fatalf("%+v", r)
	}
	a := r.Anomalies[0]
	ex := a.Data.(checker.Exhibit)
	if len(ex.Ops) > 5 {
		t.Fatalf("the proof has %d operations: %+v", len(ex.Ops), ex)
	}
	keep := map[int64]bool{}
	for _, i := range a.Ops {
		keep[i] = true
	}
	var few []history.Op
	for _, o := range v.Ops {
		if keep[o.Index] {
			few = append(few, o)
		}
	}
	small, err := history.NewView(few)
	if err != nil {
		t.Fatal(err)
	}
	if bruteForce(small, "") {
		t.Errorf("the proof proves nothing: %+v", ex.Ops)
	}
}

// TestEveryProofProves: on random histories, what is shown as a proof is refuted by brute force too.
func TestEveryProofProves(t *testing.T) {
	seed := oracleSeed(t)
	proofs := 0
	for i := range 3000 {
		v := randomHistory(rand.New(rand.NewPCG(seed, uint64(i))), "")
		for _, c := range []registerChecker{registers(options{}), registers(options{only: bySweep})} {
			r := c.Check(context.Background(), checker.Input{History: v})
			if r.Verdict != checker.Invalid {
				continue
			}
			proofs++
			var few []history.Op
			for _, o := range v.Ops {
				if slices.Contains(r.Anomalies[0].Ops, o.Index) {
					few = append(few, o)
				}
			}
			small, err := history.NewView(few)
			if err != nil {
				t.Fatal(err)
			}
			if bruteForce(small, "") {
				t.Fatalf("history %d: %+v\nis no proof:\n%s\nof\n%s", i, r.Anomalies[0], render(small), render(v))
			}
		}
	}
	if proofs < 500 {
		t.Errorf("only %d proofs were looked at", proofs)
	}
}

func TestGivesUpWithAReason(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := registers(options{}).Check(ctx, checker.Input{History: long(100, nil)})
	if r.Verdict != checker.Unknown || !strings.Contains(r.Reason, "the time was up") {
		t.Errorf("%+v", r)
	}
	reg, err := newRegister(long(100, nil), "k", "", intact)
	if err != nil {
		t.Fatal(err)
	}
	if a := search(context.Background(), reg.ops, registerMachine(reg.ops), &work{steps: 50, bytes: 1 << 20}, intact); a != gaveUp {
		t.Errorf("a search without enough steps says %d", a)
	}
	if a := search(context.Background(), reg.ops, registerMachine(reg.ops), &work{steps: 1 << 30, bytes: 1000}, intact); a != gaveUp {
		t.Errorf("a search without enough memory says %d", a)
	}
}
