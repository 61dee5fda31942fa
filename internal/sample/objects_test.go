package sample_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample"
)

func TestWhatObjectsAnswer(t *testing.T) {
	for object, ops := range map[string][]struct {
		op   history.Op
		want string // the value, or the code of a refusal
	}{
		"counter": {
			{history.Op{F: "add", Value: "3"}, "3"}, {history.Op{F: "add", Value: "-1"}, "-1"}, {history.Op{F: "read"}, "2"},
			{history.Op{F: "read", Key: "y"}, "0"},
		},
		"set":      {{history.Op{F: "add", Value: "5"}, "5"}, {history.Op{F: "add", Value: "2"}, "2"}, {history.Op{F: "read"}, "[2,5]"}},
		"ids":      {{history.Op{F: "generate"}, "1"}, {history.Op{F: "generate"}, "2"}},
		"register": {{history.Op{F: "cas", Value: "[1,2]"}, "cas-mismatch"}, {history.Op{F: "write", Value: "1"}, "1"}, {history.Op{F: "cas", Value: "[1,2]"}, "[1,2]"}, {history.Op{F: "read"}, "2"}, {history.Op{F: "delete"}, ""}, {history.Op{F: "read"}, ""}},
		"list-append": {
			{history.Op{F: "txn", Value: `[["r","x",null],["append","x",1],["append","y",2],["r","x",null]]`}, `[["r","x",null],["append","x",1],["append","y",2],["r","x",[1]]]`},
			{history.Op{F: "txn", Value: `[["append","x",3],["append","x",4],["r","x",null]]`}, `[["append","x",3],["append","x",4],["r","x",[1,3,4]]]`},
			{history.Op{F: "txn", Value: `[["append","x",5]]`}, `[["append","x",5]]`},
			{history.Op{F: "txn", Value: `[["r","y",null],["r","x",null],["r","z",null]]`}, `[["r","y",[2]],["r","x",[1,3,4,5]],["r","z",null]]`},
		},
		"rw-register": {
			{history.Op{F: "txn", Value: `[["r","x",null],["w","x",1],["w","y",2],["r","x",null]]`}, `[["r","x",null],["w","x",1],["w","y",2],["r","x",1]]`},
			{history.Op{F: "txn", Value: `[["w","x",3],["w","x",4],["r","x",null]]`}, `[["w","x",3],["w","x",4],["r","x",4]]`},
			{history.Op{F: "txn", Value: `[["r","x",null],["r","y",null],["r","z",null]]`}, `[["r","x",4],["r","y",2],["r","z",null]]`},
		},
		"g2": {
			{history.Op{F: "insert", Key: "k", Value: "[1,null]"}, "[1,null]"}, {history.Op{F: "insert", Key: "k", Value: "[null,2]"}, "there"},
			{history.Op{F: "insert", Key: "j", Value: "[null,3]"}, "[null,3]"}, {history.Op{F: "insert", Key: "j", Value: "[null,4]"}, "there"},
		},
		"bank": {
			{history.Op{F: "transfer", Value: `{"from":0,"to":2,"amount":4}`}, `{"from":0,"to":2,"amount":4}`},
			{history.Op{F: "transfer", Value: `{"from":0,"to":2,"amount":7}`}, "insufficient"},
			{history.Op{F: "transfer", Value: `{"from":0,"to":3,"amount":1}`}, "no-account"},
			{history.Op{F: "read"}, `{"0":6,"1":10,"2":14}`},
		},
		"lock": {
			{history.Op{F: "release", Process: 1}, "not-held"}, {history.Op{F: "acquire", Process: 1}, ""}, {history.Op{F: "acquire", Process: 2}, "held"},
			{history.Op{F: "write", Process: 1, Value: "[1,7]"}, "[1,7]"}, {history.Op{F: "write", Process: 2, Value: "[2,7]"}, "fenced"},
			{history.Op{F: "release", Process: 2}, "not-held"}, {history.Op{F: "release", Process: 1}, ""}, {history.Op{F: "acquire", Process: 2}, ""},
			{history.Op{F: "write", Process: 1, Value: "[1,8]"}, "fenced"}, {history.Op{F: "write", Process: 2, Value: "[2,8]"}, "[2,8]"},
		},
	} {
		t.Run(object, func(t *testing.T) {
			s, err := sample.New(sample.Config{Nodes: 3, Seed: 1, Params: history.Params{"accounts": "3"}})
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
				if i == len(ops)/2 { // everything must survive that, in a snapshot or in the log
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
				got := "no answer"
				if _, err := s.Submit(s.Names()[i%3], object, o.op, func(value, _ history.Value, err error) {
					if got = string(value); err != nil {
						if got = clients.ErrorOf(err).Code; !clients.IsNotDone(err) {
							got += ", and nobody knows"
						}
					}
				}); err != nil {
					t.Fatal(err)
				}
				if pass(s, time.Second); got != o.want {
					t.Errorf("%d: %s %s gives %s, want %s", i, o.op.F, o.op.Value, got, o.want)
				}
			}
		})
	}
}

func TestValuesThatCannotBeAreRefusedAtOnce(t *testing.T) {
	s := started(t, "")
	for _, v := range []history.Value{"", "7", "[]", `[["r","x"]]`, `[["w","x",1]]`, `[["append","x",null]]`, `[["append","x","1],[2"]]`, `[["drop","x",1]]`} {
		if _, err := s.Submit("n1", "list-append", history.Op{F: "txn", Value: v}, func(history.Value, history.Value, error) {}); !clients.IsNotDone(err) {
			t.Errorf("transaction %s: %v", v, err)
		}
	}
	for object, op := range map[string]history.Op{
		"rw-register": {F: "txn", Value: `[["append","x",1]]`}, "g2": {F: "insert", Value: "[null,null]"},
		"counter": {F: "add", Value: `"x"`}, "set": {F: "add"}, "register": {F: "cas", Value: "1"},
		"bank": {F: "transfer", Value: `{"from":0,"to":1,"amount":-5}`}, "lock": {F: "write", Value: "[0,1]"}, "nothing": {F: "read"},
	} {
		if _, err := s.Submit("n1", object, op, func(history.Value, history.Value, error) {}); !clients.IsNotDone(err) {
			t.Errorf("%s of a %s with %s: %v", op.F, object, op.Value, err)
		}
	}
	if _, err := sample.New(sample.Config{Nodes: 3, Params: history.Params{"accounts": "many"}}); err == nil {
		t.Error("a bank of many accounts is made")
	}
}
