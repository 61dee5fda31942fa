package txn

import (
	"fmt"
	"slices"

	"github.com/partita-dev/partita/history"
)

// mistake names a rule that is left out or broken, for tests that show that the rule is needed. "" is none.
type mistake string

// withHelpers is no mistake: it has every fan of edges made with helpers, as otherwise only large ones are.
const withHelpers mistake = "helpers"

// state is what a transaction knows of a key while it is walked through.
type state struct {
	last     int32 // its micro-operation before, if that is of this transaction
	read     int32 // that of its last read, none before the first
	most     int32 // the largest version that it read
	appended int32 // how many elements it appended since
	write    int32 // its last write
	external int32 // the version of its first read when nothing was appended before; none otherwise
	lost     bool  // its first append after an external read is counted
}

// judge finds what is wrong within single transactions and between a read and the writes it saw. inter says which writes
// were followed by another of the same transaction to the same key.
func (l *lists) judge() {
	states := make([]state, len(l.keys))
	for i := range states {
		states[i].last = none
	}
	inter := make([]bool, len(l.writes))
	l.eachTxn(states, func(t, m int32, s *state) {
		if l.write[m] {
			if s.write != none {
				inter[s.write] = true
				l.judgeOwnOrder(t, s.write, l.arg[m])
			}
			s.write = l.arg[m]
		}
	}, false)
	overwritten := map[[2]int32]int32{} // irregular versions only
	first := make([]int32, len(l.order))
	aborted := l.abortedVersions()
	l.eachTxn(states, func(t, m int32, s *state) {
		if l.write[m] {
			l.judgeAppend(t, m, s, first, overwritten)
			return
		}
		l.judgeRead(t, m, s, inter, aborted)
	}, true)
	l.dirtyUpdates()
}

// eachTxn visits the micro-operations, each with what its transaction knows of its key.
func (l *lists) eachTxn(states []state, visit func(t, m int32, s *state), onlyOK bool) {
	for t := range l.txns() {
		if onlyOK && l.typ[t] != history.OK {
			continue
		}
		begin, end := l.mops(t)
		for m := begin; m < end; m++ {
			s := &states[l.key[m]]
			if s.last < begin {
				*s = state{read: none, write: none, external: none}
			}
			visit(t, m, s)
			s.last = m
		}
	}
	for i := range states {
		states[i].last = none
	}
}

// judgeAppend looks for reads of what is appended only now, and counts who appended after the same version.
func (l *lists) judgeAppend(t, m int32, s *state, first []int32, irregular map[[2]int32]int32) {
	k, w := l.key[m], l.arg[m]
	s.appended++
	if s.read != none && l.mistake != "no-future-read" && (l.place[w] > 0 && s.most >= l.place[w] || l.readBefore(t, m)) {
		l.found.add("future-read", k, []int32{t}, func() string {
			return fmt.Sprintf("%s read element %s of key %s before it appended it itself", l.label(t), l.elementText(w), l.keys[k])
		})
	}
	if s.external == none || s.lost {
		return
	}
	s.lost = true
	other := none
	if l.regular[k] && int(s.external) < len(l.orderOf(k)) {
		at := l.from[k] + s.external
		other, first[at] = first[at]-1, t+1
	} else {
		at := [2]int32{k, s.external}
		if o, ok := irregular[at]; ok {
			other = o
		}
		irregular[at] = t
	}
	if other != none && l.mistake != "no-lost-update" {
		l.found.add("lost-update", k, []int32{other, t}, func() string {
			return fmt.Sprintf("%s and %s both read key %s as %s and appended to it: one of them did not see what the other did",
				l.label(other), l.label(t), l.keys[k], l.versionText(k, s.external))
		})
	}
}

// judgeOwnOrder looks at two appends of one transaction to one key, a and then b: a list that shows b shows a before it.
func (l *lists) judgeOwnOrder(t, a, b int32) {
	if l.typ[t] == history.Fail || l.place[b] == 0 || l.place[a] > 0 && l.place[a] < l.place[b] || l.mistake == "no-own-order" {
		return
	}
	k := l.writes[b].key
	l.found.add("internal", k, []int32{t, l.reader[k]}, func() string {
		return fmt.Sprintf("%s appended %s and then %s to key %s, but %s read %s, where the first is not before the second",
			l.label(t), l.elementText(a), l.elementText(b), l.keys[k], l.label(l.reader[k]), l.versionText(k, l.place[b]))
	})
}

// readBefore looks in the odd reads of a transaction for an element that it appends at m.
func (l *lists) readBefore(t, m int32) bool {
	if l.regular[l.key[m]] {
		return false
	}
	for i := l.first[t]; i < m; i++ {
		if !l.write[i] && l.key[i] == l.key[m] && slices.Contains(l.odd[i], l.arg[m]) {
			return true
		}
	}
	return false
}

// judgeRead compares a read with what its transaction did before, and with who wrote what it saw.
func (l *lists) judgeRead(t, m int32, s *state, inter []bool, aborted map[int32]int32) {
	k, seen := l.key[m], l.version(m)
	if l.mistake != "no-internal" && !l.expected(t, m, s, seen) {
		l.found.add("internal", k, []int32{t}, func() string {
			return fmt.Sprintf("%s read %s of key %s, which contradicts what it had read and appended itself before", l.label(t), show(l.listText(seen)), l.keys[k])
		})
	}
	if s.read == none && s.appended == 0 && l.odd[m] == nil {
		s.external = l.arg[m]
	}
	s.read, s.appended, s.most = m, 0, max(s.most, l.arg[m])
	if n := len(seen); n > 0 && l.mistake != "no-G1b" {
		if w := seen[n-1]; w >= 0 && inter[w] && l.writes[w].txn != t {
			l.found.add("G1b", k, []int32{l.writes[w].txn, t}, func() string {
				return fmt.Sprintf("%s read %s of key %s, which ends with %s: %s appended that, and then more, so that this state was never finished",
					l.label(t), show(l.listText(seen)), l.keys[k], l.elementText(w), l.label(l.writes[w].txn))
			})
		}
	}
	at, ok := aborted[k]
	if !ok || l.mistake == "no-G1a" || l.odd[m] == nil && int(at) >= len(seen) {
		return
	}
	for _, w := range seen {
		if w >= 0 && l.typ[l.writes[w].txn] == history.Fail {
			l.found.add("G1a", k, []int32{l.writes[w].txn, t}, func() string {
				return fmt.Sprintf("%s read element %s of key %s, but %s, which appended it, had failed", l.label(t), l.elementText(w), l.keys[k], l.label(l.writes[w].txn))
			})
			return
		}
	}
}

// expected compares a read with the transaction's read before and what it appended since (Cerone's axiom INT).
func (l *lists) expected(t, m int32, s *state, seen []int32) bool {
	if s.read == none && s.appended == 0 {
		return true
	}
	n := len(seen) - int(s.appended)
	if n < 0 {
		return false
	}
	for i, j := m-1, len(seen)-1; j >= n; i-- {
		if l.write[i] && l.key[i] == l.key[m] {
			if l.arg[i] != seen[j] {
				return false
			}
			j--
		}
	}
	return s.read == none || slices.Equal(l.version(s.read), seen[:n])
}

// abortedVersions gives, of each key where a failed append was read, how many elements come before the first of them.
func (l *lists) abortedVersions() map[int32]int32 {
	out := map[int32]int32{}
	for k := range l.keys {
		for i, w := range l.orderOf(int32(k)) {
			if w >= 0 && l.typ[l.writes[w].txn] == history.Fail {
				out[int32(k)] = int32(i)
				break
			}
		}
	}
	for m, es := range l.odd {
		for _, w := range es {
			if _, ok := out[l.key[m]]; !ok && w >= 0 && l.typ[l.writes[w].txn] == history.Fail {
				out[l.key[m]] = never
			}
		}
	}
	return out
}

// dirtyUpdates finds committed appends that stand on what an aborted transaction left.
func (l *lists) dirtyUpdates() {
	if l.mistake == "no-dirty-update" {
		return
	}
	for k := range l.keys {
		bad := none
		for _, w := range l.orderOf(int32(k)) {
			if w < 0 {
				continue
			}
			switch t := l.writes[w].txn; {
			case l.typ[t] == history.Fail:
				bad = w
			case l.typ[t] == history.OK && bad != none:
				from := bad
				l.found.add("dirty-update", int32(k), []int32{l.writes[from].txn, t}, func() string {
					return fmt.Sprintf("%s appended %s to key %s behind %s, which %s had appended, and %s had failed: the update stands on one that never happened",
						l.label(t), l.elementText(w), l.keys[k], l.elementText(from), l.label(l.writes[from].txn), l.label(l.writes[from].txn))
				})
				bad = none
			}
		}
	}
}

// versionText shows version p of a key.
func (l *lists) versionText(k, p int32) string { return show(l.listText(l.orderOf(k)[:max(0, p)])) }

// listText writes a list of elements.
func (l *lists) listText(es []int32) string {
	const most = 12
	text := "["
	if len(es) > most {
		text, es = "[… ", es[len(es)-most:]
	}
	for i, e := range es {
		if i > 0 {
			text += " "
		}
		text += l.name(e)
	}
	return text + "]"
}
