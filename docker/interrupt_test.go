package docker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// The engine goes on with a request whose caller went away: what it makes then must not stay. The clusters are
// looked for when all were given up, so that the engine had time to finish most of what it was asked for.
func TestAnUpThatIsGivenUpLeavesNothing(t *testing.T) {
	p := provider(t, t.TempDir())
	var ids []string
	for after := 20 * time.Millisecond; after <= 600*time.Millisecond; after += 20 * time.Millisecond {
		ctx, cancel := context.WithTimeout(within(t, time.Minute), after)
		id := cluster.NewID()
		c, err := p.Up(ctx, cluster.Spec{ID: id, Nodes: 3})
		cancel()
		if err == nil {
			if err := p.Down(within(t, time.Minute), c); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("given up after %s, it says: %v", after, err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		nothingLeft(t, p, id)
	}
}
