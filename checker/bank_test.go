package checker

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/history"
)

func TestBankStories(t *testing.T) {
	const moved = "n1 invoke transfer {\"from\":0,\"to\":1,\"amount\":5}\nn1 ok transfer {\"from\":0,\"to\":1,\"amount\":5}\n"
	read := func(v string) string { return "n2 invoke read\nn2 ok read " + v + "\n" }
	p := history.Params{"accounts": "2", "balance": "10"}
	tell(t, Bank().Checker, []told{
		{name: "before", text: moved + read(`{"0":10,"1":10}`), params: p, want: Valid},
		{name: "after", text: moved + read(`{"0":5,"1":15}`), params: p, want: Valid},
		{name: "in another order", text: moved + read(`{"1":15,"0":5}`), params: p, want: Valid},
		{name: "half way", text: moved + read(`{"0":5,"1":10}`), params: p, want: Invalid, anomalies: "wrong-total", says: `answered {"0":5,"1":10}, which is 15 in all instead of 20`},
		{name: "the worst", text: moved + read(`{"0":5,"1":10}`) + read(`{"0":0,"1":90}`), params: p, want: Invalid, anomalies: "wrong-total", says: "2 reads of a wrong total: the worst (n2) answered {\"0\":0,\"1\":90}"},
		{name: "a debt", text: moved + read(`{"0":-1,"1":21}`), params: p, want: Invalid, anomalies: "negative-balance", says: "1 read of a debt"},
		{name: "a debt that may be", text: moved + read(`{"0":-1,"1":21}`), params: history.Params{"accounts": "2", "balance": "10", "negative": "true"}, want: Valid},
		{name: "an account without a balance", text: moved + read(`{"0":20,"1":null}`), params: p, want: Invalid, anomalies: "missing-balance"},
		{name: "an account that is not there", text: moved + read(`{"0":20}`), params: p, want: Invalid, anomalies: "missing-balance"},
		{name: "an account too many", text: moved + read(`{"0":10,"1":10,"2":0}`), params: p, want: Invalid, anomalies: "unexpected-account"},
		{name: "01 is not 1", text: moved + read(`{"0":10,"01":10}`), params: p, want: Invalid, anomalies: "unexpected-account"},
		{name: "the total alone", text: moved + read(`{"a":5,"b":15}`), params: history.Params{"total": "20"}, want: Valid},
		{name: "another total alone", text: moved + read(`{"a":5,"b":15}`), params: history.Params{"total": "21"}, want: Invalid, anomalies: "wrong-total"},
		{name: "no total", text: moved + read(`{"0":5,"1":15}`), want: Unknown, says: "--param total=N"},
		{name: "a total that is none", text: moved, params: history.Params{"total": "x"}, want: Unknown, says: "total"},
		{name: "nothing moved", text: read(`{"0":10,"1":10}`), params: p, want: Unknown, says: "no transfer"},
		{name: "nobody read", text: moved, params: p, want: Unknown, says: "no read"},
		{name: "an answer that is none", text: moved + read(`[1]`), params: p, want: Unknown, says: "expected the balance"},
		{name: "an answer that is none, and a bad one", text: moved + read(`[1]`) + read(`{"0":5,"1":10}`), params: p, want: Invalid, anomalies: "wrong-total", says: "expected the balance"},
		{name: "an account twice", text: moved + read(`{"0":10,"1":10,"1":10}`), params: p, want: Unknown, says: "expected the balance"},
		{name: "half a coin", text: moved + read(`{"0":10.5,"1":9.5}`), params: p, want: Unknown, says: "expected the balance"},
		{name: "more than there can be", text: moved + read(`{"0":9223372036854775807,"1":9223372036854775807}`), params: p, want: Unknown, says: "expected the balance"},
		{name: "nothing at all", text: moved + read("null"), params: p, want: Unknown, says: "expected the balance"},
	})
}

func TestBankAgainstItsDefinition(t *testing.T) {
	answers := []string{`{"0":1,"1":2}`, `{"0":3,"1":0}`, `{"0":-1,"1":4}`, `{"0":1,"1":1}`, `{"0":3}`, `{"0":3,"1":null}`, `{"0":1,"1":2,"2":0}`, `{ "0" : 2, "1":1 }`, `{"\u0030":3,"1":0}`, `{"0":-1,"1":1}`}
	mistakes := []mistake{bankWithoutTotal, bankWithoutNegative, bankWithoutMissing, bankWithoutUnexpected, bankOfAnybody}
	agree(t, func(m mistake) Checker { return bankChecker{m} }, mistakes, func(t *rapid.T) (Input, []string) {
		v := random(t, 12, func(s step) history.Op {
			if s.f < 3 {
				return history.Op{F: "transfer", Value: `{"from":0,"to":1,"amount":1}`}
			}
			return history.Op{F: "read", Value: history.Value(answers[3])} // a failed one may say anything
		}, func(s step, o history.Op) history.Op {
			if o.F == "read" {
				o.Value = history.Value(answers[s.value+3])
			}
			return o
		})
		var want []string
		for _, o := range v.Ops {
			if o.F != "read" || o.Type != history.OK {
				continue
			}
			var m map[string]*int
			if err := json.Unmarshal([]byte(o.Value), &m); err != nil {
				t.Fatal(err)
			}
			sum, debt, missing := 0, false, false
			for _, name := range []string{"0", "1"} {
				b := m[name]
				if b == nil {
					missing = true
					continue
				}
				sum, debt = sum+*b, debt || *b < 0
			}
			_, third := m["2"]
			switch {
			case third:
				want = append(want, "unexpected-account")
			case missing:
				want = append(want, "missing-balance")
			case sum != 3:
				want = append(want, "wrong-total")
			case debt:
				want = append(want, "negative-balance")
			}
		}
		slices.Sort(want)
		return Input{History: v, Params: history.Params{"total": "3", "accounts": "2"}}, slices.Compact(want)
	})
}
