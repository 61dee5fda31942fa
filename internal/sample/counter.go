package sample

import "github.com/partita-dev/partita/history"

func counterSpecs() []spec {
	return []spec{
		{object: "counter", name: "read", readOnly: true, read: func(st *state, op history.Op) result {
			return result{value: history.Int(st.Counters[op.Key])}
		}},
		{object: "counter", name: "add", blind: true, check: number, effect: func(st *state, c command) result {
			n, _ := c.Value.Int()
			st.Counters[c.Key] += n
			return result{value: c.Value}
		}},
	}
}
