package txn

import (
	"fmt"
	"slices"
)

// mend takes every read of the irregular keys apart: those that somebody read as two lists of which neither is a
// beginning of the other, or with an element twice, or with one that nobody wrote. The order of such a key is that of its
// longest read, each element once; what a read saw beside that is kept in odd.
func (l *lists) mend() {
	if !slices.Contains(l.regular, false) {
		return
	}
	raw := map[int32][]int32{}
	l.eachRead(func(t, m int32) {
		k := l.key[m]
		if l.regular[k] {
			return
		}
		l.size[m] = -1
		if es := l.apart(t, m); len(es) > len(raw[k]) {
			raw[k], l.longest[k], l.reader[k] = es, m, t
		}
	})
	for k, es := range raw {
		for _, e := range es {
			if !slices.Contains(l.mended[k], e) {
				l.mended[k] = append(l.mended[k], e)
			}
		}
	}
	l.eachRead(func(t, m int32) {
		k := l.key[m]
		if l.regular[k] {
			return
		}
		es, order := l.apart(t, m), l.mended[k]
		if len(es) > len(raw[k]) || !slices.Equal(es, raw[k][:len(es)]) {
			l.found.add("incompatible-order", k, []int32{t, l.reader[k]}, func() string {
				return fmt.Sprintf("%s read %s of key %s and %s read %s: of two lists that only grow, one must be the beginning of the other",
					l.label(t), show(l.text(t, m)), l.keys[k], l.label(l.reader[k]), show(l.text(l.reader[k], l.longest[k])))
			})
		}
		l.arg[m] = int32(len(es))
		if len(es) > len(order) || !slices.Equal(es, order[:len(es)]) {
			l.odd[m] = es
			for _, e := range es {
				l.beside[e] = true
			}
			if l.arg[m] = int32(slices.Index(order, es[len(es)-1])) + 1; l.arg[m] == 0 {
				l.arg[m] = none
			}
		}
		l.judgeElements(t, m, es)
	})
}

// judgeElements looks for elements that are there twice, and for those that nobody wrote.
func (l *lists) judgeElements(t, m int32, es []int32) {
	k := l.key[m]
	seen := make(map[int32]bool, len(es))
	for _, e := range es {
		if seen[e] {
			l.found.add("duplicate-elements", k, []int32{t}, func() string {
				return fmt.Sprintf("%s read %s of key %s, which has %s more than once although it was appended once",
					l.label(t), show(l.text(t, m)), l.keys[k], l.name(e))
			})
			break
		}
		seen[e] = true
	}
	for _, e := range es {
		if e < 0 {
			l.found.add("thin-air-read", k, []int32{t}, func() string {
				return fmt.Sprintf("%s read %s of key %s, but no transaction ever appended %s to it", l.label(t), show(l.text(t, m)), l.keys[k], l.name(e))
			})
			return
		}
	}
}

// name is the text of an element, whoever wrote it.
func (l *lists) name(e int32) string {
	if e < 0 {
		return l.strange[-2-e].text
	}
	return l.elementText(e)
}

// apart splits a read's text into the numbers of its elements.
func (l *lists) apart(t, m int32) []int32 {
	text := l.text(t, m)
	parts, ok := elements(text)
	if !ok {
		l.misfit(&l.view.Ops[l.ret[t]], "expected a list in a read of key %q, found %s", l.keys[l.key[m]], show(text))
		return nil
	}
	es := make([]int32, len(parts))
	for i, p := range parts {
		es[i] = l.number(l.key[m], p)
	}
	return es
}
