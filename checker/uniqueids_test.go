package checker

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/history"
)

func TestUniqueIDsStories(t *testing.T) {
	give := func(node, id string) string { return node + " invoke generate\n" + node + " ok generate " + id + "\n" }
	tell(t, UniqueIDs().Checker, []told{
		{name: "all different", text: give("n1", "1") + give("n2", "2") + give("n1", `"1"`), want: Valid},
		{name: "twice", text: give("n1", "1") + give("n2", "2") + give("n2", "1"), want: Invalid, anomalies: "duplicate-id", says: "1 to n1 and to n2"},
		{name: "one id in two spellings", text: give("n1", "1") + give("n2", "1.0"), want: Invalid, anomalies: "duplicate-id"},
		{name: "many, often", text: give("n1", "1") + give("n2", "1") + give("n2", "1") + give("n1", "7") + give("n2", "7"), want: Invalid, anomalies: "duplicate-id", says: "2 ids"},
		{name: "nobody got the other one", text: give("n1", "1") + give("n2", "2") + "n1 invoke generate\nn1 fail generate 1\nn2 invoke generate\nn2 info generate 1\n", want: Valid},
		{name: "one is too few", text: give("n1", "1"), want: Unknown, says: "fewer than two"},
		{name: "twice, and no id besides", text: give("n1", "1") + give("n2", "null") + give("n2", "1"), want: Invalid, anomalies: "duplicate-id", says: "gave no id"},
		{name: "no id", text: give("n1", "null") + give("n2", "null"), want: Unknown, says: "gave no id"},
	})
}

func TestUniqueIDsAgainstTheirDefinition(t *testing.T) {
	ids := []string{"1", "1.0", "2", `"1"`, "[1]", "[ 1]", "null", "4", "5", "6"}
	agree(t, func(m mistake) Checker { return uniqueIDsChecker{m} }, []mistake{idsBySpelling, idsOfAnybody, idsWithNil}, func(t *rapid.T) (Input, []string) {
		v := random(t, 12, func(s step) history.Op {
			o := history.Op{F: "generate"}
			if s.f < 4 {
				o.Value = history.Value(ids[s.f]) // some systems say at the call what they ask for
			}
			return o
		}, func(s step, o history.Op) history.Op {
			o.Value = history.Value(ids[s.value+3])
			return o
		})
		var got []any
		for _, o := range v.Ops {
			var x any
			if o.Type == history.OK && o.Value != "null" && json.Unmarshal([]byte(o.Value), &x) == nil {
				got = append(got, x)
			}
		}
		for i, a := range got {
			for _, b := range got[:i] {
				if reflect.DeepEqual(a, b) {
					return Input{History: v}, []string{"duplicate-id"}
				}
			}
		}
		return Input{History: v}, nil
	})
}
