package linear

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/partita-dev/partita/history"
)

// A value has one number, in whatever order values come and however the table grows meanwhile. A real run of 300 operations
// once wrote 5834, then another value, for which the table grew beyond 5834, and then read 5834: a value that nobody had written.
func TestAValueHasOneNumber(t *testing.T) {
	in := &interner{ops: 300}
	in.id("3000")
	first := in.id("5834")
	in.id("3001")
	if again := in.id("5834"); again != first {
		t.Errorf("5834 is %d, and then %d", first, again)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		in := &interner{ops: rng.IntN(50)}
		ids, of := map[int]int32{}, map[int32]int{}
		for range 2000 {
			n := rng.IntN(1 + 4*(16*in.ops+1024))
			text := strconv.Itoa(n)
			if rng.IntN(4) == 0 {
				text += ".0"
			}
			id := in.id(history.Value(text))
			if old, ok := ids[n]; ok && old != id {
				t.Fatalf("with %d operations %d is %d, and then %d", in.ops, n, old, id)
			}
			if other, ok := of[id]; ok && other != n {
				t.Fatalf("with %d operations %d and %d are both %d", in.ops, n, other, id)
			}
			ids[n], of[id] = id, n
		}
	}
}
