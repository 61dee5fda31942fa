package txn

// elementIndex finds a write by its key and element: a hash table with open addressing that holds numbers of writes.
type elementIndex struct {
	slots []int32 // the number of a write and one, 0 for none
	mask  uint64
}

// newElementIndex indexes writes, and notes the first two that are alike.
func newElementIndex(ws []write, twice **[2]int32) elementIndex {
	size := uint64(16)
	for size < uint64(len(ws))*2 {
		size *= 2
	}
	x := elementIndex{slots: make([]int32, size), mask: size - 1}
	for i := range ws {
		w := &ws[i]
		at := hashOf(w.key, w.elem) & x.mask
		for x.slots[at] != 0 {
			if o := &ws[x.slots[at]-1]; o.key == w.key && o.elem == w.elem {
				if *twice == nil {
					*twice = &[2]int32{x.slots[at] - 1, int32(i)}
				}
				break
			}
			at = (at + 1) & x.mask
		}
		if x.slots[at] == 0 {
			x.slots[at] = int32(i) + 1
		}
	}
	return x
}

// find gives the number of a write, none when there is no such.
func (x elementIndex) find(ws []write, key int32, elem int64) int32 {
	for at := hashOf(key, elem) & x.mask; x.slots[at] != 0; at = (at + 1) & x.mask {
		if w := &ws[x.slots[at]-1]; w.key == key && w.elem == elem {
			return x.slots[at] - 1
		}
	}
	return none
}

// hashOf keeps neighbours together: what is written to one key in a row is looked up in a row.
func hashOf(key int32, elem int64) uint64 {
	h := uint64(uint32(key))*0x9e3779b97f4a7c15 + uint64(elem)>>3*0xff51afd7ed558ccd
	h ^= h >> 29
	return h*8 + uint64(elem)&7
}
