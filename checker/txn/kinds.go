package txn

// kind is a kind of cycle, the worst first, by the edges that it has.
type kind uint8

const (
	g0           kind = iota // ww only
	g1c                      // ww and wr, at least one wr
	gSingle                  // exactly one rw
	gNonadjacent             // more than one rw, no two of them in a row
	g2                       // two rw in a row
	kinds
)

// variant says which orders beyond the data a cycle needs.
type variant uint8

const (
	plain    variant = iota
	process          // and the order of a client's own transactions
	realtime         // and the order in time
	variants
)

// "-item" because all dependencies are of single keys; none is of a predicate.
var (
	kindNames    = [kinds]string{"G0", "G1c", "G-single-item", "G-nonadjacent-item", "G2-item"}
	variantNames = [variants]string{"", "-process", "-realtime"}
)

func cycleName(k kind, v variant) string { return kindNames[k] + variantNames[v] }

// masks are the edges that a walk of a variant may use; a walk for G0 only those that are ww, for G1c those that are not rw.
func (v variant) mask(k kind) label {
	m := [variants]label{plainData, plainData | wwProcess | rwProcess, everyEdge}[v]
	switch k {
	case g0:
		return m & anyWW
	case g1c:
		return m &^ anyRW
	}
	return m
}

// A search remembers what its path has so far in a few bits.
const (
	seenWR  = 1      // of G1c
	seenRW  = 1      // of G-single: the one that it may have
	lastRW  = 1      // of the others: the last edge was rw
	someRW  = 2      // of G-nonadjacent: one rw before
	moreRW  = 4      // and another one
	inARow  = 2      // of G2: two rw in a row
	perNode = 8      // states of a node in a search
	refused = 1 << 7 // no state: the edge must not be taken
)

// begin is the state behind the first edge of a cycle.
func (k kind) begin(l label) uint8 { return k.after(0, l) }

// after is the state behind one more edge; l is 0 for an edge of process or real time.
func (k kind) after(s uint8, l label) uint8 {
	isRW := l&anyRW != 0
	switch {
	case l == hop:
		return s
	case k == g1c && l == wr:
		return s | seenWR
	case k == gSingle && isRW:
		if s&seenRW != 0 {
			return refused
		}
		return s | seenRW
	case k == gNonadjacent && isRW:
		switch {
		case s&lastRW != 0:
			return refused
		case s&someRW != 0:
			s |= moreRW
		}
		return s | someRW | lastRW
	case k == g2 && isRW:
		if s&lastRW != 0 {
			s |= inARow
		}
		return s | lastRW
	case k == gNonadjacent || k == g2:
		return s &^ lastRW
	}
	return s
}

// closed says whether a path that ends in state s, where the cycle's first edge begins, makes a cycle of the kind.
func (k kind) closed(s uint8, first label) bool {
	wraps := s&lastRW != 0 && first&anyRW != 0
	switch k {
	case g0:
		return true
	case g1c:
		return s&seenWR != 0
	case gSingle:
		return s&seenRW != 0
	case gNonadjacent:
		return s&moreRW != 0 && !wraps
	}
	return s&inARow != 0 || wraps
}

// mayBegin says whether a plain cycle of the kind is looked for from an edge: each such cycle has one of these.
func (k kind) mayBegin(l label) bool {
	switch k {
	case g0:
		return l&anyWW != 0
	case g1c:
		return l == wr
	}
	return l&anyRW != 0
}

// edge is one step of a cycle between two transactions.
type edge struct {
	from, to int32
	label    label   // 0 for the order of a process or of time
	order    variant // which of the two, where label is 0
}

// classify gives the kind of a cycle from its edges.
func classify(es []edge) (kind, variant) {
	rws, wrs, v := 0, 0, plain
	adjacent := false
	for i, e := range es {
		before := es[(i+len(es)-1)%len(es)]
		switch {
		case e.label&anyRW != 0:
			rws++
			adjacent = adjacent || before.label&anyRW != 0 && len(es) > 1
		case e.label == wr:
			wrs++
		}
		switch {
		case e.label == 0:
			v = max(v, e.order)
		case e.label&(wwRealtime|rwRealtime) != 0:
			v = realtime
		case e.label&(wwProcess|rwProcess) != 0:
			v = max(v, process)
		}
	}
	switch {
	case rws == 0 && wrs == 0:
		return g0, v
	case rws == 0:
		return g1c, v
	case rws == 1:
		return gSingle, v
	case !adjacent:
		return gNonadjacent, v
	}
	return g2, v
}
