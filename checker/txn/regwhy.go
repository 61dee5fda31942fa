package txn

// why finds the reason of an edge between two transactions on registers.
func (g *registers) why(e edge) (claim, bool) {
	if e.label == 0 {
		return g.orderClaim(e), true
	}
	from, to := g.mops(e.from)
	for m := from; m < to; m++ {
		k := g.key[m]
		x, okX := g.touch(k, e.from)
		y, okY := g.touch(k, e.to)
		if !okX || !okY {
			continue
		}
		if c, ok := g.claim(e, k, x, y); ok {
			return c, true
		}
	}
	return claim{}, false
}

// touch finds what a transaction has to do with a key.
func (g *registers) touch(k, t int32) (touch, bool) {
	xs := g.of(k)
	lo, hi := 0, len(xs)
	for lo < hi {
		if mid := (lo + hi) / 2; xs[mid].txn < t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(xs) && xs[lo].txn == t {
		return xs[lo], true
	}
	return touch{}, false
}

// wrote says whether a transaction left its own version behind.
func (g *registers) wrote(x touch) bool { return x.last >= 0 && g.writes[x.last].txn == x.txn }

// claim says why x comes before y on key k.
func (g *registers) claim(e edge, k int32, x, y touch) (claim, bool) {
	if e.label == wr {
		if !g.wrote(x) || !y.reads || y.first != x.last {
			return claim{}, false
		}
		c := g.base(e, "wr", k)
		c.a = g.elementText(x.last)
		return c, true
	}
	if !g.wrote(y) {
		return claim{}, false
	}
	kind, a := "ww", x.last
	if e.label&anyRW != 0 {
		if kind, a = "rw", x.first; !x.reads {
			return claim{}, false
		}
	} else if !g.wrote(x) {
		return claim{}, false
	}
	c := g.base(e, kind, k)
	if a == y.last {
		return claim{}, false
	}
	switch {
	case a >= 0:
		c.a = g.elementText(a)
	case g.isStranger(a):
		c.a = g.valueText(a)
	}
	c.b = g.elementText(y.last)
	return c, g.because(&c, k, a, y)
}

// because finds out why the version that y left comes after a.
func (g *registers) because(c *claim, k, a int32, y touch) bool {
	if a < none && !g.isStranger(a) {
		c.because = initially
		return true
	}
	if y.reads && y.first == a {
		c.because, c.p = rewritten, int(g.call[y.txn])
		return true
	}
	left := map[int32]int32{} // by process, who met a last
	earliest, latest := none, none
	for _, z := range g.of(k) {
		p := g.process(z.txn)
		if t, ok := left[p]; ok && z.first == y.last {
			c.because, c.p, c.q = inSession, int(g.call[t]), int(g.call[z.txn])
			return true
		}
		delete(left, p)
		if z.last == a {
			left[p] = z.txn
		}
		if (z.first == a || z.last == a) && (earliest == none || g.ret[z.txn] < g.ret[earliest]) {
			earliest = z.txn
		}
		if z.first == y.last || z.last == y.last {
			latest = z.txn
		}
	}
	if earliest == none || latest == none || g.ret[earliest] >= g.inv[latest] {
		return false
	}
	c.because, c.p, c.q = inRealtime, int(g.call[earliest]), int(g.call[latest])
	return true
}

// sighting finds a read of something that a transaction wrote.
func (g *registers) sighting(t int32) (out *sighting) {
	from, to := g.mops(t)
	for m := from; m < to && out == nil; m++ {
		w := g.arg[m]
		if !g.write[m] || !g.seen[w] {
			continue
		}
		g.eachRead(func(reader, r int32) {
			if out == nil && g.arg[r] == w {
				out = &sighting{int(g.call[reader]), g.view.Ops[g.inv[t]].Key, g.micro(t, g.key[m]), g.elementText(w)}
			}
		})
	}
	return out
}
