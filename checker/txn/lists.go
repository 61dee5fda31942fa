package txn

import (
	"runtime"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/history"
)

// lists are columns read as lists that grow: each read of a key shows the order of all appends before it, so that its
// longest read gives the order of its versions (Elle's "traceability"). Version p of a key is the list of its first p
// elements.
//
// Reads are not parsed: the text of one that is right is the beginning of the text of the longest. Only keys for which that
// does not hold (irregular ones) are taken apart.
type lists struct {
	*columns
	longest []int32           // of each key, the micro-operation of its longest read; none when nothing was read
	reader  []int32           // its transaction
	from    []int32           // of each key, where its order begins; one element more than there are keys
	order   []int32           // the writes in their order; strangers below none
	place   []int32           // of each write: its version, 0 when nobody read it
	strange []stranger        // elements that nobody wrote: number i stands as -2-i
	odd     map[int32][]int32 // what reads saw that is no beginning of the order
	mended  map[int32][]int32 // the orders of irregular keys
	beside  map[int32]bool    // writes that an odd read shows
	regular []bool            // of each key: every read is a beginning of the longest, which has no element twice

	mistake mistake
	found   found
}

type stranger struct {
	key  int32
	text string
}

// readLists finds the order of every key and the version that every read saw: afterwards arg of a read is its version, or
// none for one that fits nowhere.
func readLists(c *columns, broken mistake, parallel int) *lists {
	keys := len(c.keys)
	l := &lists{
		columns: c, longest: make([]int32, keys), reader: make([]int32, keys), from: make([]int32, keys+1),
		place: make([]int32, len(c.writes)), odd: map[int32][]int32{}, mended: map[int32][]int32{}, beside: map[int32]bool{}, regular: make([]bool, keys), mistake: broken,
	}
	length := make([]int32, keys)
	for k := range keys {
		l.longest[k], l.regular[k] = none, true
	}
	l.eachRead(func(t, m int32) {
		k, n := c.key[m], c.size[m]
		if n < 0 {
			n = int32(len(c.text(t, m)))
		}
		if n == int32(len("null")) && c.text(t, m) == "null" {
			n = 0
		}
		if n > length[k] {
			length[k], l.longest[k], l.reader[k] = n, m, t
		}
	})
	ends := l.orders()
	l.versions(ends, parallel)
	l.mend()
	clear(l.place)
	for k := range l.keys {
		for i, w := range l.orderOf(int32(k)) {
			if w >= 0 {
				l.place[w] = int32(i) + 1
			}
		}
	}
	return l
}

// eachRead visits the reads of transactions that are ok.
func (c *columns) eachRead(visit func(t, m int32)) {
	for t := range c.txns() {
		if c.typ[t] != history.OK {
			continue
		}
		for m, end := c.mops(t); m < end; m++ {
			if !c.write[m] {
				visit(t, m)
			}
		}
	}
}

// orderOf is the order of a key's writes.
func (l *lists) orderOf(k int32) []int32 {
	if !l.regular[k] {
		return l.mended[k]
	}
	return l.order[l.from[k]:l.from[k+1]]
}

// version is the list that a read saw.
func (l *lists) version(m int32) []int32 {
	if es, ok := l.odd[m]; ok {
		return es
	}
	return l.orderOf(l.key[m])[:max(0, l.arg[m])]
}

// number gives the number of an element that was read.
func (l *lists) number(k int32, text string) int32 {
	if w := l.writeOf(k, text); w >= 0 {
		return w
	}
	s := stranger{k, text}
	i := slices.Index(l.strange, s)
	if i < 0 {
		i = len(l.strange)
		l.strange = append(l.strange, stranger{k, strings.Clone(text)})
	}
	return -2 - int32(i)
}

// orders takes the longest read of each key apart, and gives where in its text each element ends.
func (l *lists) orders() (ends []int32) {
	for k := range l.keys {
		l.from[k] = int32(len(l.order))
		if l.longest[k] == none {
			continue
		}
		text := l.text(l.reader[k], l.longest[k])
		if spaced(text) {
			l.regular[k] = false
			continue
		}
		for i := 1; i < len(text)-1; {
			j := nestedValue(text, i)
			if text[0] != '[' || j <= i {
				l.misfit(&l.view.Ops[l.ret[l.reader[k]]], "expected a list in a read of key %q, found %s", l.keys[k], show(text))
				l.order, ends = l.order[:l.from[k]], ends[:l.from[k]]
				break
			}
			w := l.number(int32(k), text[i:j])
			if w < 0 || l.place[w] > 0 {
				l.regular[k] = false
			} else {
				l.place[w] = 1
			}
			l.order, ends = append(l.order, w), append(ends, int32(j))
			i = j + 1
		}
	}
	l.from[len(l.keys)] = int32(len(l.order))
	return ends
}

// versions finds the version of each read by comparing texts, several stretches at a time, and marks the keys that are irregular.
func (l *lists) versions(ends []int32, parallel int) {
	texts := make([]string, len(l.keys))
	for k := range l.keys {
		if l.longest[k] != none {
			texts[k] = l.text(l.reader[k], l.longest[k])
		}
	}
	stretch := l.txns()/int32(parallel) + 1
	bad := make([][]int32, parallel)
	var g errgroup.Group
	for p := range parallel {
		g.Go(func() error {
			for t := int32(p) * stretch; t < min(l.txns(), int32(p+1)*stretch); t++ {
				if l.typ[t] != history.OK {
					continue
				}
				for m, end := l.mops(t); m < end; m++ {
					if l.write[m] {
						continue
					}
					k := l.key[m]
					if !l.regular[k] {
						continue
					}
					at := versionOf(l.text(t, m), texts[k], ends[l.from[k]:l.from[k+1]])
					if at < 0 {
						bad[p] = append(bad[p], k)
						continue
					}
					l.size[m] = at
				}
			}
			return nil
		})
	}
	_ = g.Wait() // the functions give no errors
	for _, ks := range bad {
		for _, k := range ks {
			l.regular[k] = false
		}
	}
	l.eachRead(func(t, m int32) {
		if l.regular[l.key[m]] {
			l.arg[m] = l.size[m]
		}
	})
}

// versionOf says how many elements of longest a read's text shows, -1 when it is no beginning of longest.
func versionOf(text, longest string, ends []int32) int32 {
	if text == "null" || text == "[]" {
		return 0
	}
	n := len(text) - 1
	if n >= len(longest) || text[:n] != longest[:n] {
		return -1
	}
	i := sort.Search(len(ends), func(i int) bool { return int(ends[i]) >= n })
	if i == len(ends) || int(ends[i]) != n {
		return -1
	}
	return int32(i) + 1
}

// processors is how many stretches of a history are looked at at once.
func processors() int { return max(1, min(runtime.GOMAXPROCS(0), 8)) }
