package txn

import (
	"fmt"

	"github.com/partita-dev/partita/history"
)

// claim is the reason of one edge of a cycle, in terms of the raw history: what it says can be verified without knowing how
// it was found. Transactions are positions in history.View.Calls.
type claim struct {
	kind     string // "ww", "wr", "rw", "process", "realtime"
	from, to int
	object   string // the operation's own key, in histories of independent objects
	key      string
	a, b     string // ww: from wrote a, to wrote b; wr: from wrote a, to read it; rw: from read a last ("" when nothing was there), to wrote b
	because  string // why b comes after a: one of the reasons below
	p, q     int    // transactions that show it

	fromSeen, toSeen *sighting // where nobody knows the end of from or to, and it wrote: what shows that it took place
}

// sighting is a read that shows a write of a transaction.
type sighting struct {
	by         int // the reader
	object     string
	key, value string
}

// Why a version comes after another.
const (
	inRead     = "read"     // the list that p read shows a before b
	unseen     = "unseen"   // b was committed and no read shows it, so it comes after all that p's read, the longest, shows
	initially  = "initial"  // a is what was there before the first write
	rewritten  = "wfr"      // p read a and wrote b
	inSession  = "process"  // p saw a, q saw b, and p was before q in one process
	inRealtime = "realtime" // p saw a, q saw b, and p ended before q began
)

// source makes claims of the edges of a graph.
type source interface {
	why(e edge) (claim, bool)
	sighting(t int32) *sighting // of a transaction of which nobody knows the end; nil for none
}

// explained is the reason of an edge, with what shows that transactions of which nobody knows the end took place.
func explained(c *columns, s source, e edge) (claim, bool) {
	out, ok := s.why(e)
	if ok && e.label != 0 {
		if c.typ[e.from] == history.Info {
			out.fromSeen = s.sighting(e.from)
		}
		if c.typ[e.to] == history.Info {
			out.toSeen = s.sighting(e.to)
		}
	}
	return out, ok
}

// sighting finds a read of something that a transaction appended.
func (l *lists) sighting(t int32) *sighting {
	from, to := l.mops(t)
	for m := from; m < to; m++ {
		if k := l.key[m]; l.write[m] && l.place[l.arg[m]] > 0 {
			return &sighting{int(l.call[l.reader[k]]), l.view.Ops[l.inv[t]].Key, l.micro(t, k), l.elementText(l.arg[m])}
		}
	}
	return nil
}

// base fills in what every claim has.
func (c *columns) base(e edge, kind string, k int32) claim {
	out := claim{kind: kind, from: int(c.call[e.from]), to: int(c.call[e.to]), p: -1, q: -1}
	if k != none {
		m := c.micro(e.to, k)
		out.object, out.key = c.view.Ops[c.inv[e.to]].Key, m
	}
	return out
}

// micro gives a key as it stands in a transaction that uses it.
func (c *columns) micro(t, k int32) string {
	object := c.view.Ops[c.inv[t]].Key
	if object == "" {
		return c.keys[k]
	}
	return c.keys[k][len(object)+1:]
}

// order makes the claim of an edge of process or real time.
func (c *columns) orderClaim(e edge) claim {
	kind := "process"
	if e.order == realtime {
		kind = "realtime"
	}
	return c.base(e, kind, none)
}

// why finds the reason of an edge between two transactions on lists.
func (l *lists) why(e edge) (claim, bool) {
	from, to := l.mops(e.from)
	from2, to2 := l.mops(e.to)
	if e.label == 0 {
		return l.orderClaim(e), true
	}
	best, found := claim{}, false
	nearest := int32(never)
	for m := from; m < to; m++ {
		for n := from2; n < to2; n++ {
			if l.key[m] != l.key[n] {
				continue
			}
			if c, far, ok := l.claim(e, m, n); ok && far < nearest {
				best, found, nearest = c, true, far
			}
		}
	}
	return best, found
}

// claim says why m comes before n, and how far they are apart.
func (l *lists) claim(e edge, m, n int32) (c claim, far int32, ok bool) {
	k := l.key[m]
	order := l.orderOf(k)
	switch {
	case e.label == wr && l.write[m] && !l.write[n]:
		seen, w := l.version(n), l.arg[m]
		for i := len(seen) - 1; i >= 0; i-- {
			if seen[i] == w {
				c = l.base(e, "wr", k)
				c.a, c.because, c.p = l.elementText(w), inRead, c.to
				return c, int32(len(seen) - i), true
			}
		}
	case e.label == ww && l.write[m] && l.write[n]:
		a, b := l.arg[m], l.arg[n]
		if l.place[a] == 0 || l.place[b] > 0 && l.place[b] < l.place[a] {
			return c, 0, false
		}
		c = l.base(e, "ww", k)
		c.a, c.b = l.elementText(a), l.elementText(b)
		c.p, c.because = int(l.call[l.reader[k]]), inRead
		if l.place[b] == 0 {
			c.because = unseen
			return c, int32(len(order)) + 1 - l.place[a], l.isUnseen(b)
		}
		return c, l.place[b] - l.place[a], true
	case e.label == rw && !l.write[m] && l.write[n]:
		b, at := l.arg[n], l.arg[m]
		if at < 0 || l.place[b] > 0 && l.place[b] <= at {
			return c, 0, false
		}
		c = l.base(e, "rw", k)
		if at > 0 {
			c.a = l.name(order[at-1])
		}
		c.b, c.because = l.elementText(b), inRead
		if l.longest[k] != none {
			c.p = int(l.call[l.reader[k]])
		}
		if l.place[b] == 0 {
			c.because = unseen
			return c, int32(len(order)) + 1 - at, l.isUnseen(b)
		}
		return c, l.place[b] - at, true
	}
	return c, 0, false
}

// sentence explains a claim; name names a transaction.
func (c claim) sentence(v *history.View, writes string, name func(call int) string) string {
	from, to := name(c.from), name(c.to)
	did := func(a string) string { return fmt.Sprintf("%s %s", writes, show(a)) }
	switch c.kind {
	case "process":
		return fmt.Sprintf("%s came before %s: the same client (process %d) did the one and then the other", from, to, v.Calls[c.from].Worker)
	case "realtime":
		return fmt.Sprintf("%s had ended before %s began%s", from, to, gap(v, c.from, c.to))
	case "wr":
		if c.because == inRead {
			return fmt.Sprintf("%s read %s of key %s, and %s had appended %s to it", to, show(lastRead(v, c.to, c.key, c.a)), c.key, from, show(c.a))
		}
		return fmt.Sprintf("%s read key %s as %s, which %s had written", to, c.key, show(c.a), from)
	case "ww":
		return fmt.Sprintf("%s %s to key %s, and %s %s after it%s", from, did(c.a), c.key, to, did(c.b), c.reason(name))
	}
	saw := "read key " + c.key + " as nothing"
	switch {
	case c.because == inRead || c.because == unseen:
		saw = fmt.Sprintf("read %s of key %s", show(lastRead(v, c.from, c.key, c.a)), c.key)
	case c.a != "":
		saw = fmt.Sprintf("read key %s as %s", c.key, show(c.a))
	}
	return fmt.Sprintf("%s %s and did not see that %s %s%s", from, saw, to, did(c.b), c.reason(name))
}

// reason says in brackets why one version comes after the other.
func (c claim) reason(name func(int) string) string {
	switch c.because {
	case inRead:
		if c.p == c.from || c.p == c.to || c.p < 0 {
			return ""
		}
		return fmt.Sprintf(" (%s read the whole list)", name(c.p))
	case unseen:
		return " (which was committed, and stands behind all that anybody ever read)"
	case initially:
		return " (nothing is what was there before the first write)"
	case rewritten:
		return fmt.Sprintf(" (%s read %s and wrote %s)", name(c.p), show(c.a), show(c.b))
	case inSession:
		return fmt.Sprintf(" (%s comes after %s: one client met %s in %s and then %s in %s)", show(c.b), show(c.a), show(c.a), name(c.p), show(c.b), name(c.q))
	}
	return fmt.Sprintf(" (%s comes after %s: %s had met %s and ended before %s, which met %s, began)", show(c.b), show(c.a), name(c.p), show(c.a), name(c.q), show(c.b))
}

// gap says how long after the end of one call another began.
func gap(v *history.View, a, b int) string {
	d := v.Ops[v.Calls[b].Invoke].Time - v.Ops[v.Calls[a].Return].Time
	if d <= 0 {
		return ""
	}
	return fmt.Sprintf(" (%s earlier)", d)
}
