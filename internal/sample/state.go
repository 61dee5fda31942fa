package sample

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
)

// state is what a replica knows: the effects of all entries up to Applied. Its JSON is a snapshot.
type state struct {
	Applied   uint64
	Sessions  map[uint64]*session        `json:",omitempty"` // by a command's Origin
	Registers map[string]history.Value   `json:",omitempty"`
	Sets      map[string][]int64         `json:",omitempty"` // sorted
	Counters  map[string]int64           `json:",omitempty"`
	IDs       map[string]int64           `json:",omitempty"` // the last one that was given
	Banks     map[string][]int64         `json:",omitempty"` // balances by account
	Locks     map[string]held            `json:",omitempty"` // those that somebody has
	Tokens    int64                      // the last one that was given
	Queues    map[string]*queue          `json:",omitempty"`
	Stacks    map[string][]history.Value `json:",omitempty"` // the top last
	Logs      map[string][]history.Value `json:",omitempty"` // by key and name
	Lists     map[string]row             `json:",omitempty"` // of transactions
	Cells     map[string]row             `json:",omitempty"` // of transactions, too

	sizes sizes
}

// sizes are what a store's parameters say.
type sizes struct {
	accounts   int
	balance    int64
	visibility time.Duration // how long a delivery waits for its acknowledgement
	abandon    int64         // one delivery of so many is given up by its client; 0: none
}

// session is what is known of the commands of one origin.
type session struct {
	Low  uint64   // every lower number is of the past
	Done []uint64 `json:",omitempty"` // those from Low on that were applied, sorted
}

func newState(z sizes) *state {
	return &state{
		Sessions: map[uint64]*session{}, Registers: map[string]history.Value{}, Sets: map[string][]int64{}, Counters: map[string]int64{},
		IDs: map[string]int64{}, Banks: map[string][]int64{}, Locks: map[string]held{}, Lists: map[string]row{}, Cells: map[string]row{}, sizes: z,
	}
}

// fresh notes a command; false when it was applied before, or came too late.
func (s *state) fresh(c command) bool {
	x := s.Sessions[c.Origin]
	if x == nil {
		x = &session{}
		s.Sessions[c.Origin] = x
	}
	at, found := slices.BinarySearch(x.Done, c.Seq)
	if found || c.Seq < x.Low {
		return false
	}
	x.Done = slices.Insert(x.Done, at, c.Seq)
	if c.Low > x.Low {
		x.Low = c.Low
		from, _ := slices.BinarySearch(x.Done, x.Low)
		x.Done = slices.Delete(x.Done, 0, from)
	}
	return true
}

// capture is the state as a snapshot.
func (s *state) capture() []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Errorf("write a snapshot: %w", err)) // maps of numbers and text always marshal
	}
	return b
}

func readState(b []byte, z sizes) (*state, error) {
	s := newState(z)
	if len(b) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, err
	}
	return s, nil
}
