package linear

// coverTree counts how many intervals cover each moment, and finds the next moment that one covers, or none.
type coverTree struct {
	size            int32
	low, high, lazy []int32
}

func newCoverTree(counts []int32) *coverTree {
	size := int32(1)
	for size < int32(len(counts)) {
		size *= 2
	}
	t := &coverTree{size: size, low: make([]int32, 2*size), high: make([]int32, 2*size), lazy: make([]int32, 2*size)}
	copy(t.low[size:], counts)
	copy(t.high[size:], counts)
	for i := size - 1; i > 0; i-- {
		t.pull(i)
	}
	return t
}

func (t *coverTree) pull(i int32) {
	t.low[i] = min(t.low[2*i], t.low[2*i+1]) + t.lazy[i]
	t.high[i] = max(t.high[2*i], t.high[2*i+1]) + t.lazy[i]
}

// add adds to the counts of the moments from one up to but not including the other.
func (t *coverTree) add(from, to, by int32) { t.change(1, 0, t.size, from, to, by) }

func (t *coverTree) change(node, lo, hi, from, to, by int32) {
	switch {
	case to <= lo || hi <= from:
		return
	case from <= lo && hi <= to:
		t.low[node] += by
		t.high[node] += by
		t.lazy[node] += by
		return
	}
	mid := (lo + hi) / 2
	t.change(2*node, lo, mid, from, to, by)
	t.change(2*node+1, mid, hi, from, to, by)
	t.pull(node)
}

// find gives the first moment that is not before and that something covers, or that nothing covers; the size when there is none.
func (t *coverTree) find(from int32, covered bool) int32 {
	return t.search(1, 0, t.size, 0, from, covered)
}

func (t *coverTree) search(node, lo, hi, above, from int32, covered bool) int32 {
	if hi <= from || covered && t.high[node]+above <= 0 || !covered && t.low[node]+above > 0 {
		return t.size
	}
	if hi-lo == 1 {
		return lo
	}
	mid := (lo + hi) / 2
	above += t.lazy[node]
	if m := t.search(2*node, lo, mid, above, from, covered); m < t.size {
		return m
	}
	return t.search(2*node+1, mid, hi, above, from, covered)
}

// top finds the largest of a range of numbers that change. What is not set is not there.
type top struct {
	size int
	at   []int32 // the place of the largest below each node, plus 1
	n    []int32
}

func newTop(n int) *top {
	size := 1
	for size < n {
		size *= 2
	}
	return &top{size: size, at: make([]int32, 2*size), n: make([]int32, n)}
}

func (t *top) set(i int, n int32) {
	t.n[i] = n
	t.at[t.size+i] = int32(i) + 1
	t.up(i)
}

func (t *top) clear(i int) {
	t.at[t.size+i] = 0
	t.up(i)
}

func (t *top) up(i int) {
	for node := (t.size + i) / 2; node > 0; node /= 2 {
		t.at[node] = t.better(t.at[2*node], t.at[2*node+1])
	}
}

func (t *top) better(a, b int32) int32 {
	if a == 0 || b != 0 && t.n[b-1] > t.n[a-1] {
		return b
	}
	return a
}

// best gives the largest number from one place up to but not including the other, and its place; -1 when there is none.
func (t *top) best(from, to int) (int, int32) {
	var a int32
	for l, r := t.size+from, t.size+to; l < r; l, r = l/2, r/2 {
		if l&1 == 1 {
			a = t.better(a, t.at[l])
			l++
		}
		if r&1 == 1 {
			r--
			a = t.better(a, t.at[r])
		}
	}
	if a == 0 {
		return -1, 0
	}
	return int(a) - 1, t.n[a-1]
}
