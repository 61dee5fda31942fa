package checker

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/history"
)

func TestCounterStories(t *testing.T) {
	const added = `
		n1 invoke add 2
		n1 ok     add 2
		n2 invoke add 10
		n2 fail   add 10
		n1 invoke add 100
		n1 info   add 100
		`
	read := func(n string) string { return "n2 invoke read\nn2 ok read " + n + "\n" }
	tell(t, Counter().Checker, []told{
		{name: "what was acknowledged is there", text: added + read("2"), want: Valid},
		{name: "an unknown add may be there", text: added + read("102"), want: Valid},
		{name: "and come later", text: added + read("2") + read("102"), want: Valid},
		{name: "something between may be an answer of adds that nobody tells apart", text: added + read("50"), want: Valid},
		{name: "an acknowledged add is missing", text: added + read("1"), want: Invalid, anomalies: "counter-too-low", says: "the worst (n2) answered 1, and at least 2 was there"},
		{name: "a failed add was counted", text: added + read("112"), want: Invalid, anomalies: "counter-too-high", says: "answered 112, and at most 102"},
		{name: "the worst is shown", text: added + read("0") + read("-5") + read("1"), want: Invalid, anomalies: "counter-too-low", says: "3 reads below"},
		{name: "both", text: added + read("0") + read("1000"), want: Invalid, anomalies: "counter-too-high counter-too-low"},
		{name: "an add that overlaps a read may be seen by it", text: "n1 invoke add 1\nn2 invoke read\nn1 ok add 1\nn2 ok read 1\n", want: Valid},
		{name: "or not", text: "n1 invoke add 1\nn2 invoke read\nn1 ok add 1\nn2 ok read 0\n", want: Valid},
		{name: "one that comes later may not", text: "n1 invoke add 1\nn1 ok add 1\nn2 invoke read\nn2 ok read 3\nn1 invoke add 2\nn1 ok add 2\n", want: Invalid, anomalies: "counter-too-high"},
		{name: "a decrement while a read is open, seen", text: "n1 invoke add 5\nn1 ok add 5\nn2 invoke read\nn1 invoke add -3\nn1 ok add -3\nn2 ok read 2\n", want: Valid},
		{name: "a decrement while a read is open, not yet seen", text: "n1 invoke add 5\nn1 ok add 5\nn2 invoke read\nn1 invoke add -3\nn1 ok add -3\nn2 ok read 5\n", want: Valid},
		{name: "up and down again while a read is open", text: "n2 invoke read\nn1 invoke add 5\nn1 ok add 5\nn1 invoke add -5\nn1 ok add -5\nn2 ok read 5\n", want: Valid},
		{name: "a decrement before a read, not seen", text: "n1 invoke add 5\nn1 ok add 5\nn1 invoke add -3\nn1 ok add -3\n" + read("5"), want: Invalid, anomalies: "counter-too-high"},
		{name: "no add was acknowledged", text: read("0"), want: Unknown, says: "no add"},
		{name: "no read succeeded", text: added, want: Unknown, says: "no read"},
		{name: "a read of nothing", text: added + "n2 invoke read\nn2 ok read null\n", want: Unknown, says: "whole number"},
		{name: "a read of nothing, and a bad one", text: added + "n2 invoke read\nn2 ok read null\n" + read("1"), want: Invalid, anomalies: "counter-too-low", says: "whole number"},
		{name: "an add of nothing", text: "n1 invoke add\nn1 ok add\n" + read("0"), want: Unknown, says: "whole number"},
		{name: "adds beyond all measure", text: "n1 invoke add 9223372036854775807\nn1 ok add 9223372036854775807\nn1 invoke add -9223372036854775808\nn1 ok add\n" + read("0"), want: Unknown, says: "too large"},
	})
}

// reachable is what a counter could answer, by the definition: at some moment between the call and the return of a read,
// each add has happened, has not, or may have.
func reachable(v *history.View, read history.Call) map[int64]bool {
	can := map[int64]bool{}
	for at := read.Invoke; at <= read.Return; at++ {
		now := map[int64]bool{0: true}
		for _, c := range v.Calls {
			d, _ := v.Inv(c).Value.Int()
			if v.Inv(c).F != "add" || c.Type == history.Fail || c.Invoke > at {
				continue
			}
			with := map[int64]bool{}
			for n := range now {
				with[n+d] = true
				if c.Type != history.OK || c.Return > at {
					with[n] = true
				}
			}
			now = with
		}
		for n := range now {
			can[n] = true
		}
	}
	return can
}

func TestCounterAgainstItsDefinition(t *testing.T) {
	for name, unit := range map[string]bool{"adds of one, exactly": true, "any adds, never accused wrongly": false} {
		t.Run(name, func(t *testing.T) {
			mistakes := []mistake{counterTrustsFail, counterAtReturn, counterForgetsInfo, counterIgnoresMinus, counterBeginsTooLate, counterBoundsAtEnd, counterAtInvoke, counterWithoutLower, counterWithoutUpper}
			if !unit {
				mistakes = nil
			}
			agree(t, func(m mistake) Checker { return counterChecker{m} }, mistakes, func(t *rapid.T) (Input, []string) {
				v := random(t, 14, func(s step) history.Op {
					if s.f < 5 {
						return history.Op{F: "read"}
					}
					d := int64(s.value)
					if unit {
						d = min(max(d, -1), 1)
					}
					return history.Op{F: "add", Value: history.Int(d)}
				}, func(s step, o history.Op) history.Op {
					if o.F == "read" {
						o.Value = history.Int(int64(s.value))
					}
					return o
				})
				var low, high bool
				for _, c := range v.Calls {
					if v.Inv(c).F != "read" || c.Type != history.OK {
						continue
					}
					n, _ := v.Ops[c.Return].Value.Int()
					can := reachable(v, c)
					if can[n] {
						continue
					}
					below, above := true, true
					for x := range can {
						below, above = below && n < x, above && n > x
					}
					low, high = low || below, high || above // one between is no proof of the checker's
				}
				var want []string
				if high {
					want = append(want, "counter-too-high")
				}
				if low {
					want = append(want, "counter-too-low")
				}
				return Input{History: v}, want
			})
		})
	}
}
