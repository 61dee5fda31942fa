package linear

import (
	"encoding/binary"
	"slices"
)

// states gives every sequence of small numbers that an object may hold a number of its own.
type states struct {
	ids   map[string]int32
	all   [][]int32
	memo  map[uint64][]int32 // state and class → what follows
	bytes int64
	key   []byte
}

func newStates() *states { return &states{ids: map[string]int32{}, memo: map[uint64][]int32{}} }

// id takes a copy of what it has not seen yet.
func (s *states) id(seq []int32) int32 {
	s.key = s.key[:0]
	for _, v := range seq {
		s.key = binary.LittleEndian.AppendUint32(s.key, uint32(v))
	}
	if id, ok := s.ids[string(s.key)]; ok {
		return id
	}
	id := int32(len(s.all))
	s.ids[string(s.key)] = id
	s.all = append(s.all, slices.Clone(seq))
	s.bytes += int64(8*len(seq)) + 120
	return id
}

// next appends what f gives for a state and a class, which it asks only once.
func (s *states) next(dst []int32, state, class int32, f func(seq []int32) [][]int32) []int32 {
	k := uint64(uint32(state))<<32 | uint64(uint32(class))
	known, ok := s.memo[k]
	if !ok {
		for _, seq := range f(s.all[state]) {
			if id := s.id(seq); !slices.Contains(known, id) {
				known = append(known, id)
			}
		}
		s.memo[k] = known
		s.bytes += 64
	}
	return append(dst, known...)
}
