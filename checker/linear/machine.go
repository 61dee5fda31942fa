package linear

// machine is a model made ready for one key. Its states and the effects of its operations are small numbers: two operations
// of one class do the same, with the same answer, so that only their intervals differ.
type machine struct {
	start int32
	// next appends to dst the states that an operation of a class may lead to from a state: none when it is impossible there,
	// more than one when nobody knows what it did.
	next  func(dst []int32, state, class int32) []int32
	class []int32                       // operation → its class
	blind []bool                        // class → it is possible in every state and leaves nothing of it: the write of a register. nil: none is
	inert []bool                        // class → it never changes the state: a read. nil: nobody knows of any
	size  int                           // how many classes there are
	many  bool                          // next may give more than one state
	dead  func(state, class int32) bool // in the state, no operation of the class can ever be possible again; nil: nobody knows
	spent func() int64                  // bytes of the states seen so far; nil: they cost nothing
}

// classes numbers the different pairs of what operations saw and inserted.
func classes(ops []op, m *machine) (from, to []int32) {
	const few, least = 28, nobodyKnows // values for which a table is enough, and the smallest of those that stand for none
	var table [(few - least) * (few - least)]int32
	var ids map[uint64]int32
	m.class = make([]int32, len(ops))
	for i, o := range ops {
		if o.from < few && o.to < few {
			c := &table[(o.from-least)*(few-least)+o.to-least]
			if *c == 0 {
				from, to = append(from, o.from), append(to, o.to)
				*c = int32(len(from))
			}
			m.class[i] = *c - 1
			continue
		}
		k := uint64(uint32(o.from))<<32 | uint64(uint32(o.to))
		c, ok := ids[k]
		if !ok {
			if ids == nil {
				ids = map[uint64]int32{}
			}
			c = int32(len(from))
			ids[k] = c
			from, to = append(from, o.from), append(to, o.to)
		}
		m.class[i] = c
	}
	m.size = len(from)
	return from, to
}

// registerMachine is the machine of registers: a state is a value.
func registerMachine(ops []op) *machine {
	m := &machine{start: initialID}
	from, to := classes(ops, m)
	m.blind, m.inert = make([]bool, m.size), make([]bool, m.size)
	for c := range from {
		m.blind[c] = from[c] == none
		m.inert[c] = from[c] != none && (to[c] == none || to[c] == from[c])
	}
	m.next = func(dst []int32, state, class int32) []int32 {
		switch {
		case from[class] != none && from[class] != state:
			return dst
		case to[class] == none:
			return append(dst, state)
		}
		return append(dst, to[class])
	}
	return m
}
