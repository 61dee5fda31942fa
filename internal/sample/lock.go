package sample

import (
	"fmt"

	"github.com/partita-dev/partita/history"
)

// held is a lock that somebody has. There is no lease: a lock is held until its holder gives it back, and for ever when
// the holder is gone. So there is never a second holder, with or without the token.
type held struct {
	Holder int32
	Token  int64
}

func lockSpecs() []spec {
	return []spec{
		{object: "lock", name: "acquire", effect: acquire},
		{object: "lock", name: "release", effect: func(st *state, c command) result {
			if h, ok := st.Locks[c.Key]; !ok || h.Holder != c.Process {
				return refused("not-held", "the lock is not held by this client")
			}
			delete(st.Locks, c.Key)
			return result{value: c.Value}
		}},
		{object: "lock", name: "write", effect: func(st *state, c command) result {
			token, _, _ := c.Value.Pair()
			if n, _ := token.Int(); st.Locks[c.Key].Token != n {
				return refused("fenced", "the lock is not that of the token any more")
			}
			return result{value: c.Value}
		}, check: func(op history.Op) error {
			token, _, ok := op.Value.Pair()
			if n, isInt := token.Int(); !ok || !isInt || n < 1 {
				return fmt.Errorf("write %s: expected [token,value]", op.Value.JSON())
			}
			return nil
		}},
	}
}

func acquire(st *state, c command) result {
	if _, ok := st.Locks[c.Key]; ok {
		return refused("held", "the lock is held")
	}
	return grant(st, c)
}

// grant gives a lock with the next token.
func grant(st *state, c command) result {
	st.Tokens++
	st.Locks[c.Key] = held{c.Process, st.Tokens}
	return result{value: c.Value, ext: history.Int(st.Tokens)}
}
