package sample

import (
	"fmt"
	"strings"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/partita-dev/partita/history"
)

// steps are what a replica does, one step at a time. A bug changes one of them.
type steps struct {
	configure func(*raft.Config)                       // of raft, before the replica starts
	read      func(*replica, *Request)                 // a read came
	effect    func(*replica, *Request)                 // an effect came
	fsync     func(r *replica, then func())            // what was written must be durable before anybody hears of it
	send      func(*replica, *pb.Message)              // a message is to go to another replica
	fresh     func(*state, command) bool               // a command is seen for the first time
	apply     func(r *replica, e *pb.Entry, c command) // an entry is committed
	see       func(*replica, *Request, string) row     // what a transaction finds of a key
	holds     func(*state, command, commit) bool       // what a transaction has read is still so
	install   func(*replica, *pb.Snapshot) error       // a snapshot came
	capture   func(*state) []byte                      // a snapshot is taken
	orphaned  func(*replica)                           // it knows of no leader any more
}

// correct are the steps of a store without a bug.
func correct() steps {
	return steps{
		configure: func(*raft.Config) {},
		read:      (*replica).read,
		effect:    (*replica).effect,
		fsync:     (*replica).fsync,
		send:      (*replica).send,
		fresh:     (*state).fresh,
		apply:     (*replica).apply,
		see:       (*replica).see,
		holds:     (*state).holds,
		install:   (*replica).restore,
		capture:   (*state).capture,
		orphaned:  func(*replica) {},
	}
}

// Bug is one thing that a store does wrong, when it is asked for by name.
type Bug struct {
	Name      string
	Doc       string // which step is wrong, in a sentence
	Workload  string // that finds it
	Params    history.Params
	Faults    []string // under these faults
	Anomalies []string // by one of these names
	change    func(*steps)
}

// FindBug gives a bug by its name; the error lists the names.
func FindBug(name string) (Bug, error) {
	for _, b := range Bugs() {
		if b.Name == name {
			return b, nil
		}
	}
	return Bug{}, fmt.Errorf("no bug %q: choose from %s", name, strings.Join(BugNames(), ", "))
}

// BugNames lists the names of the bugs.
func BugNames() []string {
	var names []string
	for _, b := range Bugs() {
		names = append(names, b.Name)
	}
	return names
}

func stepsOf(bug string) (steps, error) {
	st := correct()
	if bug == "" {
		return st, nil
	}
	b, err := FindBug(bug)
	if err != nil {
		return st, err
	}
	b.change(&st)
	return st, nil
}
