package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/history"
)

// Each canary of a good run has one thing wrong with it, whatever it was planted into, and is bounded.
func TestTheCanariesOfOnePassCheckers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var counts, ids, moves, locks, fenced strings.Builder
	op := func(b *strings.Builder, node, f, value, answer string) {
		end := "ok"
		if x := r.IntN(20); f != "release" && x < 2 {
			end = []string{"fail", "info"}[x]
		}
		if end == "ok" {
			fmt.Fprintf(b, "%s invoke %s %s\n%s ok %s %s\n", node, f, value, node, f, answer)
			return
		}
		fmt.Fprintf(b, "%s invoke %s %s\n%s %s %s %s\n", node, f, value, node, end, f, value)
	}
	for i := range 1000 {
		node := fmt.Sprintf("n%d", 1+r.IntN(3))
		op(&ids, node, "generate", "null", fmt.Sprint(7*i))
		op(&moves, node, "transfer", `{"from":0,"to":1,"amount":1}`, `{"from":0,"to":1,"amount":1}`)
		if i%10 == 0 {
			op(&moves, node, "read", "null", fmt.Sprintf(`{"0":%d,"1":%d}`, 1000-i, i))
		}
		for _, b := range []*strings.Builder{&locks, &fenced} {
			fmt.Fprintf(b, "%s invoke acquire\n%s ok acquire null %d\n", node, node, i)
			if b == &fenced {
				op(b, node, "write", fmt.Sprintf("[%d,0]", i), fmt.Sprintf("[%d,0]", i))
			}
			op(b, node, "release", "null", "null")
		}
	}
	for i, sum := 0, 0; i < 1000; i++ {
		d := r.IntN(7) - 3
		fmt.Fprintf(&counts, "n1 invoke add %d\nn1 ok add %d\n", d, d)
		if sum += d; i%10 == 9 {
			fmt.Fprintf(&counts, "n2 invoke read\nn2 ok read %d\n", sum)
		}
	}
	var queue strings.Builder
	for i := range 500 {
		fmt.Fprintf(&queue, "n1 invoke enqueue %d\nn1 ok enqueue %d\n", i, i)
	}
	for i := range 250 {
		fmt.Fprintf(&queue, "n2 invoke dequeue\nn2 ok dequeue %d\n", i)
	}
	queue.WriteString("n1 invoke drain\nn1 ok drain [" + numbers(250, 500) + "]\nn2 invoke drain\nn2 ok drain []\n")
	var grows, versions, full strings.Builder
	for i := range 300 {
		node := fmt.Sprintf("n%d", 1+i%3)
		fmt.Fprintf(&grows, "%s invoke write %d\n%s ok write %d\n%s invoke read\n%s ok read %d\n", node, i, node, i, node, node, i)
		fmt.Fprintf(&versions, "%s invoke write %d\n%s ok write %d %d\n%s invoke read\n%s ok read %d %d\n", node, i%7, node, i%7, i, node, node, i%7, i)
		fmt.Fprintf(&full, "%s invoke add %d\n%s ok add %d\n", node, i, node, i)
		if i%20 == 0 {
			fmt.Fprintf(&full, "%s invoke read\n%s ok read [%s]\n", node, node, numbers(0, i+1))
		}
	}
	for _, c := range []struct {
		spec Spec
		text string
		p    history.Params
		want string
		most int
	}{
		{Sessions(), grows.String(), nil, "own-write-not-read read-went-back", 8},
		{Sessions(), versions.String(), history.Params{"guarantees": "monotonic-reads"}, "read-went-back", 12},
		{Sessions(), versions.String(), history.Params{"guarantees": "monotonic-writes"}, "write-went-back", 12},
		{SetFull(), full.String(), history.Params{"linearizable": "true"}, "lost-element", 2*planted + 6},
		{Queue(), queue.String(), nil, "unexpected-item", 4 * planted},
		{TotalQueue(), queue.String(), history.Params{"delivery": "at-least-once"}, "unexpected-item", 4 * planted},
		{Counter(), counts.String(), nil, "counter-too-low counter-too-high", 2*planted + 2},
		{UniqueIDs(), ids.String(), nil, "duplicate-id", 2 * planted},
		{Bank(), moves.String(), history.Params{"total": "1000"}, "wrong-total", 2*planted + 2},
		{Lock(), locks.String(), nil, "two-holders", 6},
		{Lock(), fenced.String(), history.Params{"fencing": "true"}, "stale-holder-write", 4},
		{Lock(), fenced.String(), nil, "stale-holder-write", 4},
	} {
		v, _ := story(t, c.text)
		judge := func(v *history.View) Result {
			return c.spec.Checker.Check(context.Background(), Input{History: v, Params: c.p})
		}
		if r := judge(v); r.Verdict != Valid {
			t.Fatalf("%s: %s", c.spec.Name, r.Reason)
		}
		p := c.spec.Checker.(Planter)
		for seed := range uint64(200) {
			ops, ok := p.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			again, _ := p.Plant(v, rand.New(rand.NewPCG(seed, 1)))
			if !ok || !slices.Equal(ops, again) || len(ops) > c.most {
				t.Fatalf("%s: %v, %d events", c.spec.Name, ok, len(ops))
			}
			pv, err := history.NewView(ops)
			if err != nil {
				t.Fatal(err)
			}
			r := judge(pv)
			if len(r.Anomalies) != 1 && c.spec.Name != "sessions" || !strings.Contains(c.want, r.Anomalies[0].Name) || r.Verdict != Invalid {
				t.Fatalf("%s, seed %d: %s %s", c.spec.Name, seed, names(r), r.Reason)
			}
			if e, ok := r.Anomalies[0].Data.(idData); ok && e.Count != 1 {
				t.Fatalf("%d ids twice", e.Count)
			}
		}
		one, _ := story(t, strings.Join(strings.SplitAfter(c.text, "\n")[:2], ""))
		if _, ok := p.Plant(one, rand.New(rand.NewPCG(1, 1))); ok && c.spec.Name != "bank" {
			t.Errorf("%s: something was planted into one operation", c.spec.Name)
		}
	}
}

// numbers lists whole numbers.
func numbers(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		if i > from {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, i)
	}
	return b.String()
}
