// Package txn judges transactions: which anomalies of isolation a history shows, and which consistency models it
// therefore cannot satisfy.
//
// The theory is Adya's ("Weak Consistency", 1999) and the method that of Elle (Kingsbury & Alvaro, "Elle: Inferring
// Isolation Anomalies from Experimental Observations", VLDB 2020): from what transactions read and wrote follows which of
// them must come before which. T1 before T2 by ww (T2 overwrote what T1 wrote), wr (T2 read what T1 wrote), rw (T2
// overwrote what T1 read), by the order of one client (process), or because T1 ended before T2 began (realtime). A cycle of
// such edges is a contradiction; what edges it has says which models it contradicts (kinds.go, models.go).
//
// A history is read once into columns of small numbers (columns.go, parse.go). Two readings of the columns make the edges:
// lists that are appended to and read as a whole, so that each read shows the order of the writes (append.go), and
// registers, whose order of versions must be inferred from what the asked model grants (register.go, versions.go). One
// pass of Tarjan's algorithm (scc.go) proves most histories to have no cycle. Realtime edges are never stored: a cycle
// through any number of them can be cut down to one with a single realtime edge (see realtime in search.go), so that it is
// enough to know, for each transaction, the earliest end of those that depend on it. Where something is wrong, breadth first
// searches find the shortest cycle of each kind (search.go), in a budget of work, not of time. What is found is explained
// (explain.go) and then verified against the raw history by code that knows nothing of the graph (verify.go): what the
// verifier does not confirm is never shown.
package txn
