package sample

import (
	"slices"
	"strconv"

	"github.com/partita-dev/partita/history"
)

func setSpecs() []spec {
	return []spec{
		{object: "set", name: "read", readOnly: true, read: func(st *state, op history.Op) result {
			return result{value: elements(st.Sets[op.Key])}
		}},
		{object: "set", name: "add", blind: true, check: number, effect: func(st *state, c command) result {
			n, _ := c.Value.Int()
			st.Sets[c.Key] = with(st.Sets[c.Key], n)
			return result{value: c.Value}
		}},
	}
}

// with is a sorted list with one more number.
func with(set []int64, n int64) []int64 {
	at, found := slices.BinarySearch(set, n)
	if found {
		return set
	}
	return slices.Insert(set, at, n)
}

// elements is a list of numbers as JSON.
func elements(set []int64) history.Value {
	b := []byte{'['}
	for i, n := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return history.Value(append(b, ']'))
}
