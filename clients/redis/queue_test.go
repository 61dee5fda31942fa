package redis

import (
	"testing"

	"github.com/partita-dev/partita/history"
)

// A list on a real server gives its messages in their order, equal ones as often as they were put in, and says when it is empty.
func TestAQueueOfARealServer(t *testing.T) {
	c := realServer(t, 1)
	play(t, open(t, c, history.Params{"object": queue}), []step{
		{"dequeue", "", "", ""}, {"enqueue", "5", "5", ""}, {"enqueue", `{"a": 1}`, `{"a": 1}`, ""}, {"enqueue", "5", "5", ""},
		{"dequeue", "", "5", ""}, {"dequeue", "", `{"a":1}`, ""}, {"enqueue", "", "", "bad-op"}, {"dequeue", "", "5", ""}, {"dequeue", "", "", ""},
	})
}
