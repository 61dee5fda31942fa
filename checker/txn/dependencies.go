package txn

import (
	"slices"

	"github.com/partita-dev/partita/history"
)

// took says whether a transaction is known to have happened as far as its write w is concerned: it is ok, or nobody knows
// its end but w was seen.
func (l *lists) took(w int32) bool {
	return w >= 0 && (l.typ[l.writes[w].txn] == history.OK || l.typ[l.writes[w].txn] == history.Info && l.mistake != "no-info")
}

// graph makes the dependencies of lists.
//
// For each key, the writers of its order one after another (ww); from the last known writer of what a read saw to the
// reader (wr); from a reader to the writer of what comes next (rw). A committed append that no read shows comes after the
// last element of the order: ww from that element's writer, rw from every reader that knows no later one. An unknown
// append that nobody saw means nothing. Writers that failed and elements of nobody are passed over.
func (l *lists) graph() *graph {
	b := newBuilder(l.txns(), len(l.key)*3/2, l.mistake)
	unseen := l.unseen()
	before := make([]int32, 0, 64) // of each version, the writer of its last known element
	after := make([]int32, len(l.order))
	known := make([]int32, len(l.order))
	odd := map[int32][2][]int32{} // known and after of irregular keys
	for k := range l.keys {
		order := l.orderOf(int32(k))
		b4, af := known[l.from[k]:l.from[k+1]], after[l.from[k]:l.from[k+1]]
		if !l.regular[k] {
			b4, af = make([]int32, len(order)), make([]int32, len(order))
			odd[int32(k)] = [2][]int32{b4, af}
		}
		last := none
		for i, w := range order {
			if l.took(w) {
				if t := l.writes[w].txn; last != none && l.mistake != "no-ww" {
					b.edge(last, t, ww)
				}
				last = l.writes[w].txn
			}
			b4[i] = last
		}
		next := none
		for i := len(order) - 1; i >= 0; i-- {
			if l.took(order[i]) {
				next = l.writes[order[i]].txn
			}
			af[i] = next
		}
		if us := unseen[int32(k)]; last != none && l.mistake != "no-unseen-ww" {
			before = append(before[:0], last)
			b.fan(before, us, ww)
		}
	}
	open := map[int32][]int32{} // readers of keys with unseen appends that know no later writer
	l.eachRead(func(t, m int32) {
		k, p := l.key[m], l.arg[m]
		if p < 0 {
			return
		}
		b4, af := known[l.from[k]:l.from[k+1]], after[l.from[k]:l.from[k+1]]
		if !l.regular[k] {
			b4, af = odd[k][0], odd[k][1]
		}
		wrote := p > 0 && b4[p-1] != none && (l.odd[m] == nil || l.took(l.orderOf(k)[p-1]))
		if wrote && l.mistake != "no-wr" {
			b.edge(b4[p-1], t, wr)
		}
		next := none
		if int(p) < len(af) {
			next = af[p]
		}
		if es := l.odd[m]; es != nil {
			next = l.nextUnread(k, p, es)
		}
		switch {
		case l.mistake == "no-rw":
		case next != none:
			b.edge(t, next, rw)
		case len(unseen[k]) > 0 && l.mistake != "no-unseen-rw" && (len(open[k]) == 0 || open[k][len(open[k])-1] != t):
			open[k] = append(open[k], t)
		}
	})
	for k := range l.keys {
		b.fan(open[int32(k)], unseen[int32(k)], rw)
	}
	return b.graph()
}

// isUnseen says whether no read shows a write, not even one that is no beginning of the order.
func (l *lists) isUnseen(w int32) bool { return l.place[w] == 0 && !l.beside[w] }

// sighted says of each transaction of which nobody knows the end whether a read shows something that it appended: then it
// took place as a whole.
func (l *lists) sighted() []bool {
	out := make([]bool, l.txns())
	for i, w := range l.writes {
		if l.place[i] > 0 && l.typ[w.txn] == history.Info && l.mistake != "no-sighting" {
			out[w.txn] = true
		}
	}
	return out
}

// unseen lists, for each key, the transactions that took place with an append that no read shows.
func (l *lists) unseen() map[int32][]int32 {
	out := map[int32][]int32{}
	sighted := l.sighted()
	for i, w := range l.writes {
		took := l.typ[w.txn] == history.OK || sighted[w.txn] || l.mistake == "unseen-info" && l.typ[w.txn] == history.Info
		if !took || !l.isUnseen(int32(i)) {
			continue
		}
		if us := out[w.key]; len(us) == 0 || us[len(us)-1] != w.txn {
			out[w.key] = append(us, w.txn)
		}
	}
	return out
}

// nextUnread is the writer of the first known element behind version p that a read did not see.
func (l *lists) nextUnread(k, p int32, seen []int32) int32 {
	for _, w := range l.orderOf(k)[p:] {
		if l.took(w) && !slices.Contains(seen, w) {
			return l.writes[w].txn
		}
	}
	return none
}
