package checker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/partita-dev/partita/history"
)

func TestSetFullStories(t *testing.T) {
	const added = `
		n1 invoke add 1
		n1 ok     add 1
		n2 invoke add 2
		n2 info   add 2
		n1 invoke add 3
		n1 fail   add 3
		`
	read := func(node, list string) string {
		return node + " invoke read\n" + node + " ok read " + list + "\n"
	}
	strict := history.Params{"linearizable": "true"}
	tell(t, SetFull().Checker, []told{
		{name: "there whenever it is read", text: added + read("n1", "[1]") + read("n2", "[1]"), want: Valid},
		{name: "an unknown add may come late", text: added + read("n1", "[1]") + read("n2", "[2,1]"), want: Valid},
		{name: "and does not go again", text: added + read("n1", "[1,2]") + read("n2", "[1]"), want: Invalid, anomalies: "lost-element", says: "1 element missing from a read although known before it began, and never read again: 2"},
		{name: "lost at once", text: added + read("n1", "[2]"), want: Invalid, anomalies: "lost-element"},
		{name: "lost after it was read", text: added + read("n1", "[1]") + read("n1", "[]"), want: Invalid, anomalies: "lost-element"},
		{name: "lost and found", text: added + read("n1", "[]") + read("n1", "[1]"), want: Valid},
		{name: "lost and found, when every read counts", text: added + read("n1", "[]") + read("n1", "[1]"), params: strict, want: Invalid, anomalies: "stale-element", says: "there again later: 1"},
		{name: "a read that overlaps the add need not have it", text: "n2 invoke read\nn1 invoke add 1\nn1 ok add 1\nn2 ok read []\n" + read("n1", "[1]"), params: strict, want: Valid},
		{name: "of two reads that overlap either is the later one", text: added + "n1 invoke read\nn2 invoke read\nn2 ok read []\nn1 ok read [1]\n", want: Valid},
		{name: "but one of them was stale", text: added + "n1 invoke read\nn2 invoke read\nn2 ok read []\nn1 ok read [1]\n", params: strict, want: Invalid, anomalies: "stale-element"},
		{name: "nobody added it", text: added + read("n1", "[1,9]"), want: Invalid, anomalies: "unexpected-element"},
		{name: "nobody had added it yet", text: read("n1", "[1]") + added + read("n1", "[1]"), want: Invalid, anomalies: "unexpected-element"},
		{name: "adding it had failed", text: added + read("n1", "[1,3]"), want: Invalid, anomalies: "aborted-element"},
		{name: "twice", text: added + read("n1", "[1,1]"), want: Invalid, anomalies: "duplicate-element"},
		{name: "twice, in two spellings", text: added + read("n1", "[1,1.0]"), want: Invalid, anomalies: "duplicate-element"},
		{name: "elements of any kind", text: "n1 invoke add [\"a\"]\nn1 ok add [\"a\"]\n" + read("n1", "[[\"a\"]]"), want: Valid},
		{name: "far from all others", text: added + "n1 invoke add 9000000000000000000\nn1 ok add 0\nn1 invoke add -9000000000000000000\nn1 ok add\n" + read("n1", "[1,9000000000000000000,-9000000000000000000]"), want: Valid},
		{name: "what is not read again is not judged", text: added + read("n1", "[1]") + "n1 invoke add 4\nn1 ok add 4\n", want: Valid},
		{name: "nothing was read", text: added, want: Unknown, says: "no element was ever read"},
		{name: "nothing was added", text: read("n1", "[]"), want: Unknown, says: "no add"},
		{name: "no list", text: added + read("n1", "7"), want: Unknown, says: "index 7: a read answered 7: expected a list"},
		{name: "no truth", text: added, params: history.Params{"linearizable": "7"}, want: Unknown, says: "true or false"},
	})
}

// fullTruth is the definition, element by element and read by read.
func fullTruth(in Input) truth {
	v := in.History
	linearizable, _ := in.Params.Bool("linearizable", false)
	type seen struct {
		c   history.Call
		has map[string]int
	}
	var reads []seen
	adds := map[string][]history.Call{}
	acked, stable := false, false
	all := map[string]bool{}
	for _, c := range v.Calls {
		inv := v.Inv(c)
		switch {
		case inv.F == "add":
			adds[string(inv.Value)] = append(adds[string(inv.Value)], c)
			acked = acked || c.Type == history.OK
			all[string(inv.Value)] = true
		case c.Type == history.OK:
			r := seen{c, map[string]int{}}
			list, _ := v.Ops[c.Return].Value.List()
			for _, x := range list {
				r.has[string(x)]++
				all[string(x)] = true
			}
			reads = append(reads, r)
		}
	}
	bad := map[string]bool{}
	for e := range all {
		known := 1 << 30
		possible := slices.ContainsFunc(adds[e], func(c history.Call) bool { return c.Type != history.Fail })
		for _, c := range adds[e] {
			if c.Type == history.OK {
				known = min(known, c.Return)
			}
		}
		there := func(r seen) bool {
			return r.has[e] > 0 && slices.ContainsFunc(adds[e], func(c history.Call) bool { return c.Type != history.Fail && c.Invoke < r.c.Return })
		}
		present := false
		for _, r := range reads {
			if r.has[e] > 1 {
				bad["duplicate-element"] = true
			}
			switch {
			case there(r):
				known, present = min(known, r.c.Return), true
			case r.has[e] == 0:
			case slices.ContainsFunc(adds[e], func(c history.Call) bool { return c.Invoke < r.c.Return }):
				bad["aborted-element"] = true
			default:
				bad["unexpected-element"] = true
			}
		}
		if !possible {
			continue
		}
		lost, stale := false, false
		for _, a := range reads {
			if there(a) || a.c.Invoke < known {
				continue
			}
			stale = true
			lost = lost || !slices.ContainsFunc(reads, func(p seen) bool { return there(p) && p.c.Return > a.c.Invoke })
		}
		if lost {
			bad["lost-element"] = true
		} else if stale && linearizable {
			bad["stale-element"] = true
		}
		stable = stable || present && !lost
	}
	return found(bad, !acked || !stable)
}

func drawFull(r *rand.Rand) Input {
	var items []history.Value
	wrong := r.IntN(2) == 0
	v := randomHistory(r, 4+r.IntN(16), world{
		invoke: func() history.Op {
			if r.IntN(2) == 0 {
				return history.Op{F: "read"}
			}
			return history.Op{F: "add", Value: history.Int(r.Int64N(6) - 1)}
		},
		complete: func(o history.Op) history.Op {
			switch {
			case o.F == "read":
				if got := slices.Clone(items); o.Type == history.OK || r.IntN(2) == 0 {
					if wrong && r.IntN(4) == 0 {
						got = append(got, history.Int(r.Int64N(6)-1))
					}
					if wrong && r.IntN(3) == 0 && len(got) > 0 {
						got = slices.Delete(got, 0, 1+r.IntN(len(got)))
					}
					o.Value = history.List(got...)
				}
			case o.Type == history.OK || o.Type == history.Info && r.IntN(2) == 0 || wrong && r.IntN(3) == 0:
				if !slices.Contains(items, o.Value) && (!wrong || r.IntN(5) > 0) {
					items = append(items, o.Value)
				}
			}
			return o
		},
	})
	return Input{History: v, Params: history.Params{"linearizable": pick(r, "true", "false")}}
}

func TestSetFullOracle(t *testing.T) {
	oracle(t, func(m mistake) Checker { return setFullChecker{m} }, []mistake{
		fullKnownByAckOnly, fullKnownByInvoke, fullKnownBySightCall, fullAbsentByReturn, fullPresentByInvoke, fullStaleIsLost, fullStaleAlways,
		fullStaleNever, fullFirstAbsence, fullTwiceIsOnce, fullTrustsFail, fullForgetsInfo, fullFromTheFuture, fullOfAnybody,
	}, drawFull, fullTruth)
}

// The fast way through a list says of every list what the slow one says.
func TestEachInt(t *testing.T) {
	plainInts := map[string]bool{"[]": true, "[0]": true, "[1,2,3]": true, "[-1]": true, "[10,100,0,-7]": true, "[0,0]": true, "[999999999999999999]": true}
	for _, s := range []string{
		"[]", "[0]", "[1,2,3]", "[-1]", "[-0]", "[01]", "[1.0]", "[1,]", "[,1]", "[1", "1]", "", "[", "[--1]", "[1-2]", "[-]", "[1 ,2]", "[[1]]", "[\"1\"]",
		"[1]2]", "[999999999999999999]", "[9999999999999999999]", "[10,100,0,-7]", "null", "[1,null]", "[00]", "[0,0]", "[1-]",
	} {
		var fast []string
		ok := eachInt(s, func(n int64) { fast = append(fast, fmt.Sprint(n)) })
		list, isList := history.Value(s).List()
		var slow []string
		for _, x := range list {
			slow = append(slow, Canonical(x))
		}
		if ok && (!isList || !slices.Equal(fast, slow)) || !ok && plainInts[s] {
			t.Errorf("%q: %v %v, want %v %v", s, fast, ok, slow, isList)
		}
	}
}

// What is read costs in proportion to what was read, however much there is to be read.
func BenchmarkSetFull(b *testing.B) {
	var ops []history.Op
	push := func(key, f string, v, answer history.Value) {
		for _, t := range []history.Type{history.Invoke, history.OK} {
			ops = append(ops, history.Op{Index: int64(len(ops)), Type: t, F: f, Key: key, Value: v})
			v = answer
		}
	}
	for k := range 1000 {
		n := k * 1000
		for i := range 1000 {
			if key, x := fmt.Sprint(k), history.Int(int64(n)); i%20 == 19 {
				push(key, "read", "", history.Value("["+numbers(k*1000, n)+"]"))
			} else {
				push(key, "add", x, x)
				n++
			}
		}
	}
	v, err := history.NewView(ops)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r := SetFull().Checker.Check(context.Background(), Input{History: v}); r.Verdict != Valid {
			b.Fatal(r.Reason)
		}
	}
}
