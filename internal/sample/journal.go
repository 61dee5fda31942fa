package sample

import (
	"fmt"
	"strings"
)

// mostLines bounds the log of a replica; the oldest lines go first.
const mostLines = 2000

// journal is the log of a replica, which outlives it.
type journal struct{ lines []string }

func (r *replica) note(format string, args ...any) {
	j := &r.log
	if len(j.lines) >= mostLines {
		j.lines = append(j.lines[:0], j.lines[mostLines/2:]...)
	}
	j.lines = append(j.lines, fmt.Sprintf("%12.6f %s %s", r.s.now.Seconds(), r.name, fmt.Sprintf(format, args...)))
}

// Log is what a replica had to say.
func (s *Store) Log(name string) (string, error) {
	r, err := s.replica(name)
	if err != nil {
		return "", err
	}
	return strings.Join(append(r.log.lines, ""), "\n"), nil
}

// raftLog puts raft's warnings into the journal.
type raftLog struct{ r *replica }

func (raftLog) Debug(...any)          {}
func (raftLog) Debugf(string, ...any) {}
func (raftLog) Info(...any)           {}
func (raftLog) Infof(string, ...any)  {}

func (l raftLog) Warning(v ...any)            { l.r.note("raft: %s", fmt.Sprint(v...)) }
func (l raftLog) Warningf(f string, v ...any) { l.r.note("raft: "+f, v...) }
func (l raftLog) Error(v ...any)              { l.r.note("raft: %s", fmt.Sprint(v...)) }
func (l raftLog) Errorf(f string, v ...any)   { l.r.note("raft: "+f, v...) }
func (l raftLog) Fatal(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLog) Fatalf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }
func (l raftLog) Panic(v ...any)              { panic(fmt.Sprint(v...)) }
func (l raftLog) Panicf(f string, v ...any)   { panic(fmt.Sprintf(f, v...)) }
