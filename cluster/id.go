package cluster

import "crypto/rand"

// NewID is a short name for a cluster that is easy to type: letters and digits that cannot be mistaken for each
// other. It is no draw of a run's: two runs of one seed must not meet.
func NewID() string {
	const first, rest = "abcdefghjkmnpqrstuvwxyz", "abcdefghjkmnpqrstuvwxyz23456789"
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	b[0] = first[int(b[0])%len(first)]
	for i := range b[1:] {
		b[i+1] = rest[int(b[i+1])%len(rest)]
	}
	return string(b)
}
