package memory

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// Store is the data: objects by key. Each operation takes effect at once and whole, under one lock.
type Store struct {
	mu        sync.Mutex
	registers map[string]history.Value
	sets      map[string]map[int64]bool
	counters  map[string]int64
	banks     map[string][]int64
	locks     map[string]holder
	last      int64 // id or token
	effects   map[string]int
	lines     map[string][]history.Value // of queues, stacks and logs
	readers   map[int32]map[string]int   // of logs: what each process reads next
}

// NewStore makes an empty store.
func NewStore() *Store {
	return &Store{
		registers: map[string]history.Value{}, sets: map[string]map[int64]bool{}, counters: map[string]int64{},
		banks: map[string][]int64{}, locks: map[string]holder{}, effects: map[string]int{},
		lines: map[string][]history.Value{}, readers: map[int32]map[string]int{},
	}
}

// Effects is how often an operation that changes something was carried out, by its name.
func (s *Store) Effects(f string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.effects[f]
}

// errMismatch is a cas that found another value.
var errMismatch = clients.NotDone(clients.Coded("cas-mismatch", errors.New("another value is there")))

// do performs op, and gives a lock's token beside the value.
func (s *Store) do(object string, op history.Op) (value, ext history.Value, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch object {
	case "counter", "ids", "bank":
		value, err = s.account(object, op)
	case "list-append", "rw-register":
		value, err = s.txn(object, op)
	case "lock":
		value, ext, err = s.lock(op)
	case "queue", "stack":
		value, err = s.line(object, op)
	case "log":
		value, err = s.log(op)
	default:
		value, err = s.simple(object, op)
	}
	if err == nil && op.F != "read" {
		s.effects[op.F]++
	}
	return value, ext, err
}

// simple performs op on a register or a set.
func (s *Store) simple(object string, op history.Op) (history.Value, error) {
	switch object + "." + op.F {
	case "register.read":
		return s.registers[op.Key], nil
	case "register.write":
		s.registers[op.Key] = op.Value
	case "register.delete":
		delete(s.registers, op.Key)
	case "register.cas":
		from, to, ok := op.Value.Pair()
		if !ok {
			return "", clients.NotDone(fmt.Errorf("cas %s: expected [from,to]", op.Value.JSON()))
		}
		if s.registers[op.Key] != from {
			return "", errMismatch
		}
		s.registers[op.Key] = to
	case "set.read":
		return elements(s.sets[op.Key]), nil
	case "set.add":
		n, ok := op.Value.Int()
		if !ok {
			return "", clients.NotDone(fmt.Errorf("add %s: expected a whole number", op.Value.JSON()))
		}
		if s.sets[op.Key] == nil {
			s.sets[op.Key] = map[int64]bool{}
		}
		s.sets[op.Key][n] = true
	default:
		return "", clients.NotDone(fmt.Errorf("no operation %s of a %s", op.F, object))
	}
	return op.Value, nil
}

// elements lists a set in the order of its numbers.
func elements(set map[int64]bool) history.Value {
	ns := make([]int64, 0, len(set))
	for n := range set {
		ns = append(ns, n)
	}
	slices.Sort(ns)
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range ns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte(']')
	return history.Value(b.String())
}
