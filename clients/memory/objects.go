package memory

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// Accounts and Balance are how a bank begins.
const (
	Accounts = 8
	Balance  = 10
)

// refuse is an answer that nothing was done.
func refuse(code, why string) error { return clients.NotDone(clients.Coded(code, errors.New(why))) }

// account performs op on a counter, a generator of ids, or a bank.
func (s *Store) account(object string, op history.Op) (history.Value, error) {
	switch object + "." + op.F {
	case "counter.read":
		return history.Int(s.counters[op.Key]), nil
	case "counter.add":
		n, ok := op.Value.Int()
		if !ok {
			return "", clients.NotDone(fmt.Errorf("add %s: expected a whole number", op.Value.JSON()))
		}
		s.counters[op.Key] += n
		return op.Value, nil
	case "ids.generate":
		s.last++
		return history.Int(s.last), nil
	case "bank.read":
		all := map[string]int64{}
		for i, b := range s.bank(op.Key) {
			all[strconv.Itoa(i)] = b
		}
		return history.Of(all), nil
	case "bank.transfer":
		return s.transfer(op)
	}
	return "", clients.NotDone(fmt.Errorf("no operation %s of a %s", op.F, object))
}

func (s *Store) bank(key string) []int64 {
	b := s.banks[key]
	if b == nil {
		for range Accounts {
			b = append(b, Balance)
		}
		s.banks[key] = b
	}
	return b
}

func (s *Store) transfer(op history.Op) (history.Value, error) {
	var t struct {
		From, To int
		Amount   int64
	}
	b := s.bank(op.Key)
	if err := op.Value.Decode(&t); err != nil || t.From < 0 || t.To < 0 || t.From >= len(b) || t.To >= len(b) {
		return "", clients.NotDone(fmt.Errorf("transfer %s: expected from, to and amount", op.Value.JSON()))
	}
	if b[t.From] < t.Amount {
		return "", refuse("insufficient", "there is not enough money")
	}
	b[t.From] -= t.Amount
	b[t.To] += t.Amount
	return op.Value, nil
}

// holder is who has a lock.
type holder struct {
	held    bool
	process int32
	token   int64
	written int64 // the highest token that wrote under it
}

// lock performs op on a lock, whose owner is the process.
func (s *Store) lock(op history.Op) (value, ext history.Value, err error) {
	h := s.locks[op.Key]
	mine := h.held && h.process == op.Process
	switch op.F {
	case "acquire":
		if h.held {
			return "", "", refuse("held", "the lock is held")
		}
		s.last++
		h.held, h.process, h.token = true, op.Process, s.last
		ext = history.Int(s.last)
	case "release":
		if !mine {
			return "", "", refuse("not-held", "the lock is not held by this client")
		}
		h.held = false
	case "write":
		token, _, ok := op.Value.Pair()
		n, isInt := token.Int()
		if !ok || !isInt {
			return "", "", clients.NotDone(fmt.Errorf("write %s: expected [token,value]", op.Value.JSON()))
		}
		if n < h.written {
			return "", "", refuse("fenced", "somebody with a newer token has written")
		}
		h.written = n
	default:
		return "", "", clients.NotDone(fmt.Errorf("no operation %s of a lock", op.F))
	}
	s.locks[op.Key] = h
	return op.Value, ext, nil
}
