package txn

// label is the kind of an edge. The three dependencies come in three strengths: plain, and those of a version order that
// was inferred from the order of a process, or from real time.
type label uint8

const (
	ww label = 1 << iota
	wr
	rw
	wwProcess
	rwProcess
	wwRealtime
	rwRealtime
	hop // between helpers that stand for many edges at once: it has the kind of the edge before it
)

const (
	plainWW   = ww
	plainData = ww | wr | rw
	anyWW     = ww | wwProcess | wwRealtime
	anyRW     = rw | rwProcess | rwRealtime
	everyEdge = anyWW | wr | anyRW
)

// graph is a directed graph of transactions, and of helpers with numbers above theirs. The edges of node n are
// to[from[n]:from[n+1]].
type graph struct {
	txns  int32
	nodes int32
	from  []int32
	to    []int32
	label []label
}

// builder collects edges.
type builder struct {
	txns, nodes int32
	tail, head  []int32
	label       []label
	few         int // how many times as many edges as helpers would need are still made one by one
}

func newBuilder(txns int32, room int, m mistake) *builder {
	few := 8
	if m == withHelpers {
		few = 0
	}
	return &builder{txns: txns, nodes: txns, few: few, tail: make([]int32, 0, room), head: make([]int32, 0, room), label: make([]label, 0, room)}
}

// edge adds one edge; none of a node to itself.
func (b *builder) edge(from, to int32, l label) {
	if from == to {
		return
	}
	b.tail, b.head, b.label = append(b.tail, from), append(b.head, to), append(b.label, l)
}

// fan adds an edge from each of sources to each of targets but itself. Where that would be many, helpers stand between
// them: one for each beginning of the targets and one for each end, so that a source which is a target can leave itself out.
func (b *builder) fan(sources, targets []int32, l label) {
	if len(sources) == 0 || len(targets) == 0 {
		return
	}
	if len(sources)*len(targets) <= b.few*(len(sources)+len(targets)) {
		for _, s := range sources {
			for _, t := range targets {
				b.edge(s, t, l)
			}
		}
		return
	}
	n := int32(len(targets))
	begin, end := b.nodes, b.nodes+n // begin+i leads to targets[..i], end+i to targets[i..]
	b.nodes += 2 * n
	where := make(map[int32]int32, n)
	for i, t := range targets {
		i := int32(i)
		where[t] = i
		b.edge(begin+i, t, hop)
		b.edge(end+i, t, hop)
		if i > 0 {
			b.edge(begin+i, begin+i-1, hop)
			b.edge(end+i-1, end+i, hop)
		}
	}
	for _, s := range sources {
		i, isTarget := where[s]
		switch {
		case !isTarget:
			b.edge(s, end, l)
			continue
		case i > 0:
			b.edge(s, begin+i-1, l)
		}
		if i+1 < n {
			b.edge(s, end+i+1, l)
		}
	}
}

// graph sorts the edges by their tails.
func (b *builder) graph() *graph {
	g := &graph{txns: b.txns, nodes: b.nodes, from: make([]int32, b.nodes+1), to: make([]int32, len(b.head)), label: make([]label, len(b.head))}
	for _, t := range b.tail {
		g.from[t+1]++
	}
	for i := range b.nodes {
		g.from[i+1] += g.from[i]
	}
	next := make([]int32, b.nodes)
	copy(next, g.from)
	for i, t := range b.tail {
		at := next[t]
		next[t]++
		g.to[at], g.label[at] = b.head[i], b.label[i]
	}
	return g
}

// edges is the range of a node's edges.
func (g *graph) edges(n int32) (from, to int32) { return g.from[n], g.from[n+1] }
