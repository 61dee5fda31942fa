package redis

import (
	"testing"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// A counter and ids mean on a real server what their operations say.
func TestNumbersOfARealServer(t *testing.T) {
	c := realServer(t, 1)
	play(t, open(t, c, history.Params{"object": counter}), []step{
		{"read", "", "0", ""}, {"add", "5", "5", ""}, {"add", "-7", "-7", ""}, {"read", "", "-2", ""},
		{"add", `"1"`, "", "bad-op"}, {"generate", "", "", "bad-op"}, {"read", "", "-2", ""},
	})
	conn := open(t, c, history.Params{"object": ids})
	play(t, conn, []step{{"generate", "", "-1", ""}, {"generate", "", "0", ""}, {"generate", "", "1", ""}})
	// What is no number of ours is not taken for one.
	admin(t, c.Nodes[0]).Do(t.Context(), "SET", root+"run/k", "x")
	if _, _, err := invoke(t, conn, history.Op{F: "generate", Key: "run/k"}); err == nil || clients.IsNotDone(err) {
		t.Errorf("an id of what is no number: %v", err)
	}
	if _, err := New(history.Params{"object": "bank"}); err == nil || err.Error() != `parameter object="bank": choose from register, set, counter, ids, queue` {
		t.Errorf("an object that is none: %v", err)
	}
}
