package sample_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
)

// started is a store in virtual time that serves.
func started(t *testing.T, bug string) *sample.Store {
	t.Helper()
	s, err := sample.New(sample.Config{Nodes: 3, Seed: 1, Bug: bug})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Names() {
		if err := s.Start(n); err != nil {
			t.Fatal(err)
		}
	}
	pass(s, 2*time.Second)
	if len(s.Primaries()) != 1 {
		t.Fatalf("%v lead", s.Primaries())
	}
	return s
}

func pass(s *sample.Store, d time.Duration) { s.RunUntil(s.Now() + d) }

var errOpen = errors.New("no answer yet")

// ask performs an operation within a second of virtual time.
func ask(t *testing.T, s *sample.Store, node string, op history.Op) (history.Value, error) {
	t.Helper()
	v, err := history.Value(""), errOpen
	q, e := s.Submit(node, "register", op, func(value, _ history.Value, e error) { v, err = value, e })
	if e != nil {
		t.Fatal(e)
	}
	pass(s, time.Second)
	q.Cancel()
	return v, err
}

func TestAPanicIsACrashOfThatReplicaAndItComesBack(t *testing.T) {
	s := started(t, "")
	if _, err := ask(t, s, "n1", write); err != nil {
		t.Fatal(err)
	}
	if err := s.Break("n2"); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, s, "n1", write); err != nil {
		t.Errorf("the others do not go on: %v", err)
	}
	pass(s, 2*time.Second)
	if v, err := ask(t, s, "n2", read); err != nil || v != "1" {
		t.Errorf("it came back and says %q, %v", v, err)
	}
	log, err := s.Log("n2")
	if err != nil || !strings.Contains(log, "panic: tocommit") || s.Crashes()["n2"] != 1 || len(s.Crashes()) != 1 {
		t.Errorf("crashes %v, %v, log:\n%s", s.Crashes(), err, log)
	}
}

func TestADiskKeepsWhatWasAcknowledged(t *testing.T) {
	for bug, kept := range map[string]bool{"": true, "unfsynced-log": false} {
		s := started(t, bug)
		lost := false
		for i := range int64(8) {
			w := history.Op{F: "write", Key: "x"}
			for j := range int64(3) { // one directly after the other
				w.Value = history.Int(3*i + j)
				v, err := history.Value(""), errOpen
				if _, e := s.Submit("n1", "register", w, func(value, _ history.Value, e error) { v, err = value, e }); e != nil {
					t.Fatal(e)
				}
				for errors.Is(err, errOpen) && s.Step() {
				}
				if err != nil {
					t.Fatal(v, err)
				}
			}
			for _, n := range s.Names() { // at the very moment of the answer
				if err := s.Kill(n); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range s.Names() {
				if err := s.Start(n); err != nil {
					t.Fatal(err)
				}
			}
			pass(s, 2*time.Second)
			got, err := ask(t, s, "n2", read)
			if err != nil && kept {
				t.Fatal(err)
			}
			lost = lost || err == nil && got != w.Value
		}
		if lost == kept {
			t.Errorf("bug %q: lost an acknowledged write: %v", bug, lost)
		}
	}
}

func TestAReplicaFarBehindGetsASnapshot(t *testing.T) {
	s := started(t, "")
	if err := s.Kill("n3"); err != nil {
		t.Fatal(err)
	}
	for i := range int64(1200) {
		if _, err := s.Submit("n1", "register", history.Op{F: "write", Key: history.Int(i % 7).JSON(), Value: history.Int(i)}, func(history.Value, history.Value, error) {}); err != nil {
			t.Fatal(err)
		}
		pass(s, 2*time.Millisecond)
	}
	for i := range int64(7) {
		if _, err := ask(t, s, "n1", history.Op{F: "write", Key: history.Int(i).JSON(), Value: history.Int(5000 + i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Start("n3"); err != nil {
		t.Fatal(err)
	}
	pass(s, 2*time.Second)
	for i := range int64(7) {
		want := history.Int(5000 + i)
		if v, err := ask(t, s, "n3", history.Op{F: "read", Key: history.Int(i).JSON()}); err != nil || v != want {
			t.Errorf("register %d is %q, %v: want %s", i, v, err, want)
		}
	}
	if log, err := s.Log("n3"); err != nil || !strings.Contains(log, "snapshot at") {
		t.Errorf("it got no snapshot: %v\n%s", err, log)
	}
}

func TestARefusedConnectionIsProofAndAResetIsNone(t *testing.T) {
	s := started(t, "")
	ended := errOpen
	if _, err := s.Submit("n1", "register", write, func(_, _ history.Value, e error) { ended = e }); err != nil {
		t.Fatal(err)
	}
	pass(s, 350*time.Microsecond) // it arrived, and cannot be committed yet
	if err := s.Kill("n1"); err != nil {
		t.Fatal(err)
	}
	pass(s, time.Second)
	if ended == nil || errors.Is(ended, errOpen) || clients.IsNotDone(ended) {
		t.Errorf("a write whose replica died under it ends %v", ended)
	}
	if _, err := ask(t, s, "n1", write); !clients.IsNotDone(err) {
		t.Errorf("a write to a dead replica ends %v", err)
	}
}
