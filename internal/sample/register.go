package sample

import (
	"fmt"

	"github.com/partita-dev/partita/history"
)

func registerSpecs() []spec {
	return []spec{
		{object: "register", name: "read", readOnly: true, read: func(st *state, op history.Op) result {
			return result{value: st.Registers[op.Key]}
		}},
		{object: "register", name: "write", blind: true, effect: func(st *state, c command) result {
			st.Registers[c.Key] = c.Value
			return result{value: c.Value}
		}},
		{object: "register", name: "delete", blind: true, effect: func(st *state, c command) result {
			delete(st.Registers, c.Key)
			return result{}
		}},
		{object: "register", name: "cas", effect: cas, check: func(op history.Op) error {
			if _, _, ok := op.Value.Pair(); !ok {
				return fmt.Errorf("cas %s: expected [from,to]", op.Value.JSON())
			}
			return nil
		}},
	}
}

func cas(st *state, c command) result {
	from, to, _ := c.Value.Pair()
	if st.Registers[c.Key] != from {
		return refused("cas-mismatch", "another value is there")
	}
	st.Registers[c.Key] = to
	return result{value: c.Value}
}
