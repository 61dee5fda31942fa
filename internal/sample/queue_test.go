package sample_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
)

// asked is one operation of a story, and its answer or the code of its refusal.
type asked struct {
	node, f string
	process int32
	value   history.Value
	want    string
}

// story asks a fresh store without abandoned deliveries, one operation after the other.
func story(t *testing.T, object string, p history.Params, ops []asked, between func(i int, s *sample.Store)) {
	t.Helper()
	s, err := sample.New(sample.Config{Nodes: 3, Seed: 3, Params: p})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Names() {
		if err := s.Start(n); err != nil {
			t.Fatal(err)
		}
	}
	pass(s, 2*time.Second)
	for i, o := range ops {
		if between != nil {
			between(i, s)
		}
		got := "no answer"
		if _, err := s.Submit(o.node, object, history.Op{F: o.f, Key: "k", Value: o.value, Process: o.process}, func(v, _ history.Value, err error) {
			if got = v.JSON(); err != nil {
				if got = clients.ErrorOf(err).Code; !clients.IsNotDone(err) {
					got += ", and nobody knows"
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if pass(s, 500*time.Millisecond); got != o.want {
			t.Errorf("%d: %s %s on %s gives %s, want %s", i, o.f, o.value, o.node, got, o.want)
		}
	}
}

func restart(t *testing.T, s *sample.Store) {
	t.Helper()
	for _, n := range s.Names() {
		if err := s.Kill(n); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(n); err != nil {
			t.Fatal(err)
		}
	}
	pass(s, 2*time.Second)
}

func TestAQueueGivesItsMessagesInOrder(t *testing.T) {
	story(t, "queue", history.Params{"abandon": "0"}, []asked{
		{"n1", "dequeue", 0, "", "null"}, {"n1", "enqueue", 0, "7", "7"}, {"n2", "enqueue", 1, "8", "8"},
		{"n3", "dequeue", 2, "", "7"}, {"n1", "enqueue", 0, "9", "9"}, {"n1", "dequeue", 0, "", "8"}, {"n2", "dequeue", 1, "", "9"}, {"n2", "dequeue", 1, "", "null"},
	}, func(i int, s *sample.Store) {
		if i == 4 {
			restart(t, s)
		}
	})
}

// A delivery that its client gives up comes back when its time is over, before what is newer; until then the queue is not
// called empty.
func TestAnAbandonedDeliveryComesBack(t *testing.T) {
	story(t, "queue", history.Params{"abandon": "2", "visibility": "5s"}, []asked{
		{"n1", "enqueue", 0, "1", "1"}, {"n1", "enqueue", 0, "2", "2"}, {"n1", "enqueue", 0, "3", "3"},
		{"n2", "dequeue", 1, "", "1"}, {"n2", "dequeue", 1, "", "abandoned"}, {"n3", "dequeue", 2, "", "3"}, {"n3", "dequeue", 2, "", "in-flight"},
		{"n1", "enqueue", 0, "4", "4"}, // and now the 2 is back
		{"n3", "dequeue", 2, "", "abandoned"}, {"n3", "dequeue", 2, "", "4"}, {"n1", "dequeue", 0, "", "in-flight"},
	}, func(i int, s *sample.Store) {
		if i == 7 {
			restart(t, s) // with a delivery that is out
			pass(s, 4*time.Second)
		}
	})
}

// A client that gets no delivery took nothing, whatever becomes of the delivery that was on its way; one whose
// acknowledgement gets no answer does not know.
func TestWhatATimedOutDequeueTook(t *testing.T) {
	s := started(t, "")
	submit := func(f string, v history.Value, done func(history.Value, history.Value, error)) *sample.Request {
		t.Helper()
		q, err := s.Submit("n1", "queue", history.Op{F: f, Key: "k", Value: v}, done)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	nobody := func(history.Value, history.Value, error) {}
	submit("enqueue", "1", nobody)
	pass(s, time.Second)
	q := submit("dequeue", "", nobody)
	if !q.Harmless() {
		t.Error("a delivery that was asked for is said to be taken")
	}
	q.Cancel()
	pass(s, 100*time.Millisecond)
	if !q.Harmless() {
		t.Error("a client that went away acknowledged a delivery")
	}
	pass(s, time.Second) // and it comes back
	got := history.Value("")
	q = submit("dequeue", "", func(v, _ history.Value, err error) {
		if err != nil {
			t.Error(err)
		}
		got = v
	})
	for q.Harmless() && s.Step() {
	}
	if got != "" {
		t.Errorf("%s was taken before its acknowledgement was answered", got)
	}
	if pass(s, time.Second); got != "1" || q.Harmless() {
		t.Errorf("dequeued %q, harmless %v", got, q.Harmless())
	}
	// The request before the effect is refused with certainty, also when its connection breaks.
	submit("enqueue", "2", nobody)
	pass(s, time.Second)
	var ended error
	submit("dequeue", "", func(_, _ history.Value, err error) { ended = err })
	if err := s.Cut(nil); err != nil {
		t.Fatal(err)
	}
	s.RunUntil(s.Now() + 400*time.Microsecond)
	if err := s.Kill("n1"); err != nil {
		t.Fatal(err)
	}
	if pass(s, time.Second); !clients.IsNotDone(ended) {
		t.Errorf("a dequeue whose replica ended: %v", ended)
	}
}

func TestAStackGivesTheNewestFirst(t *testing.T) {
	story(t, "stack", nil, []asked{
		{"n1", "pop", 0, "", "null"}, {"n1", "push", 0, "1", "1"}, {"n2", "push", 1, "2", "2"}, {"n3", "pop", 2, "", "2"},
		{"n1", "push", 0, "3", "3"}, {"n2", "pop", 1, "", "3"}, {"n2", "pop", 1, "", "1"}, {"n2", "pop", 1, "", "null"},
	}, func(i int, s *sample.Store) {
		if i == 4 {
			restart(t, s)
		}
	})
}

// Each client reads on where it stopped; a log that is new to it is read from the beginning.
func TestLogsAreReadOnByEachClient(t *testing.T) {
	story(t, "log", nil, []asked{
		{"n1", "poll", 0, "", "unassigned"},
		{"n1", "send", 0, `["a",7]`, `["a",[0,7]]`}, {"n2", "send", 1, `["a",8]`, `["a",[1,8]]`}, {"n2", "send", 1, `["b",9]`, `["b",[0,9]]`},
		{"n1", "assign", 0, `["a"]`, `["a"]`}, {"n1", "poll", 0, "", `{"a":[[0,7],[1,8]]}`}, {"n1", "poll", 0, "", `{}`},
		{"n3", "send", 2, `["a",6]`, `["a",[2,6]]`},
		{"n1", "assign", 0, `["b","a"]`, `["b","a"]`}, {"n1", "poll", 0, "", `{"a":[[2,6]],"b":[[0,9]]}`},
		{"n2", "assign", 1, `["a"]`, `["a"]`}, {"n2", "poll", 1, "", `{"a":[[0,7],[1,8],[2,6]]}`},
	}, func(i int, s *sample.Store) {
		if i == 6 {
			restart(t, s)
		}
	})
}

func TestWhatQueuesAndLogsRefuse(t *testing.T) {
	s := started(t, "")
	for object, ops := range map[string][]history.Op{
		"queue": {{F: "enqueue"}, {F: "deliver"}, {F: "acknowledge", Value: "1"}}, "stack": {{F: "push"}},
		"log": {{F: "send", Value: `["a"]`}, {F: "send", Value: `[1,2]`}, {F: "send", Value: `["a",null]`}, {F: "assign", Value: `[1]`}, {F: "assign"}, {F: "read-from"}},
	} {
		for _, op := range ops {
			if _, err := s.Submit("n1", object, op, func(history.Value, history.Value, error) {}); !clients.IsNotDone(err) {
				t.Errorf("%s of a %s with %s: %v", op.F, object, op.Value, err)
			}
		}
	}
	for _, p := range []history.Params{{"visibility": "soon"}, {"visibility": "0s"}, {"abandon": "1"}, {"abandon": "-2"}, {"abandon": "x"}} {
		if _, err := sample.New(sample.Config{Nodes: 3, Params: p}); err == nil {
			t.Errorf("a store with %v is made", p)
		}
	}
}
