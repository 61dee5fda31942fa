package sample

import (
	"fmt"
	"strconv"

	"github.com/partita-dev/partita/history"
)

// transfer is the value of a transfer.
type transfer struct {
	From   int   `json:"from"`
	To     int   `json:"to"`
	Amount int64 `json:"amount"`
}

func bankSpecs() []spec {
	return []spec{
		{object: "bank", name: "read", readOnly: true, read: func(st *state, op history.Op) result {
			all := map[string]int64{}
			for i, n := range st.bank(op.Key) {
				all[strconv.Itoa(i)] = n
			}
			return result{value: history.Of(all)}
		}},
		{object: "bank", name: "transfer", effect: move, check: func(op history.Op) error {
			var t transfer
			if err := op.Value.Decode(&t); err != nil || t.Amount < 1 || t.From < 0 || t.To < 0 {
				return fmt.Errorf("transfer %s: expected {from, to, amount}", op.Value.JSON())
			}
			return nil
		}},
	}
}

// bank is the accounts below a key; all of them are there from the beginning.
func (s *state) bank(key string) []int64 {
	if s.Banks[key] == nil {
		b := make([]int64, s.sizes.accounts)
		for i := range b {
			b[i] = s.sizes.balance
		}
		s.Banks[key] = b
	}
	return s.Banks[key]
}

func move(st *state, c command) result {
	t, b, ok := st.transfer(c)
	switch {
	case !ok:
		return refused("no-account", "there is no such account")
	case b[t.From] < t.Amount:
		return refused("insufficient", "there is not enough money")
	}
	b[t.From] -= t.Amount
	b[t.To] += t.Amount
	return result{value: c.Value}
}

// transfer reads a transfer; false when one of its accounts is not there.
func (s *state) transfer(c command) (t transfer, b []int64, ok bool) {
	b = s.bank(c.Key)
	ok = c.Value.Decode(&t) == nil && max(t.From, t.To) < len(b) && min(t.From, t.To) >= 0
	return t, b, ok
}
