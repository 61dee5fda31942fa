package checker

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/history"
)

func TestLockStories(t *testing.T) {
	take := func(node, token string) string {
		return node + " invoke acquire\n" + node + " ok acquire null " + token + "\n"
	}
	free := func(node string) string { return node + " invoke release\n" + node + " ok release\n" }
	write := func(node, token, end string) string {
		return node + " invoke write [" + token + ",1]\n" + node + " " + end + " write [" + token + ",1]\n"
	}
	fencing := history.Params{"fencing": "true"}
	tell(t, Lock().Checker, []told{
		{name: "one after the other", text: take("n1", "1") + free("n1") + take("n2", "2") + free("n2"), want: Valid},
		{name: "without tokens", text: take("n1", "null") + free("n1") + take("n2", "null"), want: Valid},
		{name: "two at once", text: take("n1", "1") + take("n2", "2") + free("n1"), want: Invalid, anomalies: "two-holders", says: "n2 got it at 3 ms of the run, and n1, which had it since 1 ms, did not give it back before 4 ms: two holders for 1 ms"},
		{name: "two at once, and it is never given back", text: take("n1", "1") + take("n2", "2"), want: Invalid, anomalies: "two-holders", says: "never gave it back"},
		{name: "with fencing two may believe it", text: take("n1", "1") + take("n2", "2") + write("n2", "2", "ok") + free("n1"), params: fencing, want: Valid},
		{name: "and the older is refused", text: take("n1", "1") + take("n2", "2") + write("n2", "2", "ok") + write("n1", "1", "fail"), params: fencing, want: Valid},
		{name: "or it writes", text: take("n1", "1") + take("n2", "2") + write("n2", "2", "ok") + write("n1", "1", "ok"), params: fencing, want: Invalid, anomalies: "stale-holder-write", says: "n1 wrote with 1 after n2 had written with 2"},
		{name: "it may have written before", text: take("n1", "1") + take("n2", "2") + "n1 invoke write [1,1]\n" + write("n2", "2", "ok") + "n1 ok write [1,1]\n", params: fencing, want: Valid},
		{name: "of an unknown write nobody knows", text: take("n1", "1") + take("n2", "2") + write("n2", "2", "info") + write("n1", "1", "ok"), params: fencing, want: Valid},
		{name: "a release under way is none any more", text: take("n1", "1") + "n1 invoke release\n" + take("n2", "2") + "n1 ok release\n", want: Valid},
		{name: "nor is one whose end nobody knows", text: take("n1", "1") + "n1 invoke release\nn1 info release\n" + take("n2", "2") + free("n2"), want: Valid},
		{name: "an acquire of which nobody knows", text: "n1 invoke acquire\nn1 info acquire\n" + take("n2", "2") + take("n3", "3"), want: Invalid, anomalies: "two-holders"},
		{name: "is no holder", text: "n1 invoke acquire\nn1 info acquire\n" + take("n2", "2") + free("n2") + take("n3", "3"), want: Valid},
		{name: "nor is one that was refused", text: take("n1", "1") + "n2 invoke acquire\nn2 fail acquire\n" + free("n1") + take("n2", "2"), want: Valid},
		{name: "a client that is gone holds nothing", text: take("n1", "1") + write("n1", "1", "info") + take("n2", "2"), want: Valid},
		{name: "but held it until then", text: take("n1", "1") + take("n2", "2") + write("n1", "1", "info"), want: Invalid, anomalies: "two-holders"},
		{name: "a client that was told holds nothing", text: take("n1", "1") + write("n1", "1", "fail") + take("n2", "2"), want: Valid},
		{name: "a holder may take it again", text: take("n1", "1") + take("n1", "1") + free("n1") + take("n2", "2"), want: Valid},
		{name: "a token went back", text: take("n1", "5") + free("n1") + take("n2", "4") + free("n2"), want: Invalid, anomalies: "token-went-back", says: "n2 got 4 after n1 had got 5"},
		{name: "with fencing, too", text: take("n1", "5") + write("n1", "5", "ok") + free("n1") + take("n2", "4"), params: fencing, want: Invalid, anomalies: "token-went-back"},
		{name: "overlapping, it did not", text: "n2 invoke acquire\n" + take("n1", "5") + free("n1") + "n2 ok acquire null 4\n", want: Valid},
		{name: "a token twice", text: take("n1", "5") + free("n1") + take("n2", "5"), want: Invalid, anomalies: "token-reused", says: "n2 got 5, and so had n1 (5)"},
		{name: "nobody took it", text: "n1 invoke acquire\nn1 fail acquire\n", want: Unknown, says: "ever acquired"},
		{name: "only one did", text: take("n1", "1") + free("n1"), want: Unknown, says: "two clients"},
		{name: "fencing without tokens", text: take("n1", "null") + free("n1") + take("n2", "null") + write("n2", "2", "ok"), params: fencing, want: Unknown, says: "no acquire gave"},
		{name: "fencing without writes", text: take("n1", "1") + free("n1") + take("n2", "2"), params: fencing, want: Unknown, says: "nothing was written"},
		{name: "a write of nothing", text: take("n1", "1") + "n1 invoke write 7\n", want: Unknown, says: "[token,value]"},
		{name: "a parameter that is none", text: take("n1", "1"), params: history.Params{"fencing": "maybe"}, want: Unknown, says: "fencing"},
	})
}

// holds says by the definition whether a process certainly holds the lock just after an event.
func holds(v *history.View, process int32, at int) bool {
	held := false
	for _, c := range v.Calls {
		if c.Worker != process {
			continue
		}
		f := v.Inv(c).F
		switch {
		case f == "acquire" && c.Type == history.OK && c.Return <= at:
			held = true
		case c.Invoke <= at && (c.Type == history.Info || f == "release" || f == "write" && c.Type == history.Fail):
			held = false
		}
	}
	return held
}

func TestLockAgainstItsDefinition(t *testing.T) {
	for name, fencing := range map[string]bool{"alone": false, "with fencing": true} {
		t.Run(name, func(t *testing.T) {
			mistakes := []mistake{lockWithoutTokens, lockWithoutReuse, lockWithoutFence, lockOpenTokens, lockUnknownWrites}
			if !fencing {
				mistakes = append(mistakes, lockWithoutHolders, lockUntilReleased, lockFromInvoke, lockOfTheLost, lockOfTheRefused)
			}
			agree(t, func(m mistake) Checker { return lockChecker{m} }, mistakes, func(t *rapid.T) (Input, []string) {
				v := random(t, 14, func(s step) history.Op {
					switch {
					case s.f < 5:
						return history.Op{F: "acquire"}
					case s.f < 8:
						return history.Op{F: "release"}
					}
					return history.Op{F: "write", Value: history.Pair(history.Int(int64(s.value)), "0")}
				}, func(s step, o history.Op) history.Op {
					if o.F == "acquire" {
						o.Ext = history.Int(int64(s.value))
					}
					return o
				})
				p := history.Params{}
				if fencing {
					p["fencing"] = "true"
				}
				return Input{History: v, Params: p}, lockDefinition(v, fencing)
			})
		})
	}
}

func lockDefinition(v *history.View, fencing bool) (want []string) {
	for at := range v.Ops {
		holders := map[int32]bool{}
		for _, c := range v.Calls {
			if holds(v, c.Worker, at) {
				holders[c.Worker] = true
			}
		}
		if len(holders) > 1 && !fencing {
			want = append(want, "two-holders")
		}
	}
	for _, a := range v.Calls {
		for _, b := range v.Calls {
			f := v.Inv(a).F
			if a.Type != history.OK || b.Type != history.OK || f != v.Inv(b).F || a.Invoke == b.Invoke {
				continue
			}
			switch f {
			case "acquire":
				ta, _ := v.Ops[a.Return].Ext.Int()
				tb, _ := v.Ops[b.Return].Ext.Int()
				if a.Return < b.Invoke && ta > tb {
					want = append(want, "token-went-back")
				}
				if ta == tb && a.Invoke < b.Invoke && (a.Worker != b.Worker || !holds(v, b.Worker, b.Invoke)) {
					want = append(want, "token-reused")
				}
			case "write":
				pa, _, _ := v.Inv(a).Value.Pair()
				pb, _, _ := v.Inv(b).Value.Pair()
				ta, _ := pa.Int()
				tb, _ := pb.Int()
				if a.Return < b.Invoke && ta > tb {
					want = append(want, "stale-holder-write")
				}
			}
		}
	}
	slices.Sort(want)
	return slices.Compact(want)
}
