package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/judge"
	"github.com/partita-dev/partita/internal/store"
)

// CheckOptions bound what checkers may use.
type CheckOptions struct {
	Checkers []string      // none: those of the run
	Timeout  time.Duration // for each checker; 0: judge's default
	Memory   int64         // bytes; 0: judge's default
	Params   history.Params
	Reading  history.Reading // of a lone history file
}

// Check judges a run's folder: the same that the run itself does at its end, and nothing is written.
func Check(ctx context.Context, cat *catalog.Catalog, d *store.Dir, o CheckOptions) (store.Verdict, error) {
	var m store.Meta
	if err := d.ReadJSON(store.MetaFile, &m); err != nil {
		return store.Verdict{}, err
	}
	if m.Ended.IsZero() {
		m.Phases = append(m.Phases, store.Phase{Name: "controller", Err: "it ended before the run did: what it had recorded by then is judged"})
	}
	return judged(ctx, cat, d, m, o)
}

// later are the phases that come after everything was recorded: that one of them failed is said, and changes no verdict.
var later = []string{"logs", "cluster down", "check", "report"}

// judged judges what a folder holds, of a run that went as m says.
func judged(ctx context.Context, cat *catalog.Catalog, d *store.Dir, m store.Meta, o CheckOptions) (store.Verdict, error) {
	names := o.Checkers
	if len(names) == 0 {
		names = m.Checkers
	}
	for _, n := range names {
		if _, err := cat.Checker(n); err != nil {
			return store.Verdict{}, err
		}
	}
	var rs []store.CheckerResult
	recorded := d.Has(store.HistoryFile) || d.Has(store.HistoryZst)
	if recorded && len(names) > 0 { // a run that ended before its clients began has neither
		var err error
		rs, err = judge.Run(ctx, judge.Request{Names: names, RunDir: d.Path, Params: o.Params, Timeout: o.Timeout, Memory: o.Memory})
		if err != nil {
			return store.Verdict{}, err
		}
	}
	during := m
	during.Phases = nil
	var after []string
	for _, p := range m.Phases {
		if !slices.Contains(later, p.Name) {
			during.Phases = append(during.Phases, p)
		} else if p.Err != "" {
			after = append(after, p.Name+": "+p.Err)
		}
	}
	v := judge.Summary(during, rs)
	v.Errors = append(v.Errors, after...)
	v.Seed, v.Command = m.Seed, m.Command
	if !recorded {
		return v, nil
	}
	var err error
	v.Ops, err = counts(historyFile(d), history.Reading{})
	return v, err
}

// CheckFile judges a lone history file with the named checkers; without plan and windows there is no coverage.
func CheckFile(ctx context.Context, path string, o CheckOptions) (store.Verdict, error) {
	rs, err := judge.Run(ctx, judge.Request{Names: o.Checkers, History: path, Reading: o.Reading, Params: o.Params, Timeout: o.Timeout, Memory: o.Memory})
	if err != nil {
		return store.Verdict{}, err
	}
	v := judge.Summary(store.Meta{}, rs)
	v.Ops, err = counts(path, o.Reading)
	return v, err
}

func historyFile(d *store.Dir) string {
	if d.Has(store.HistoryZst) {
		return filepath.Join(d.Path, store.HistoryZst)
	}
	return filepath.Join(d.Path, store.HistoryFile)
}

// Seen is what a look at a whole history file tells.
type Seen struct {
	Ops  store.Counts
	Fs   map[string]bool // the clients' operations
	Torn bool            // the last line is not whole, as a crash leaves it

	lists, appends, writes bool // reads that answered lists, and what transactions do
}

// Survey reads a history once, in constant memory.
func Survey(path string, how history.Reading) (Seen, error) {
	s := Seen{Fs: map[string]bool{}}
	r, err := how.Open(path)
	if err != nil {
		return s, err
	}
	for o, e := range r.All() {
		if e != nil {
			err = e
			break
		}
		if !o.Client() {
			continue
		}
		s.Fs[o.F] = true
		v := string(o.Value)
		switch {
		case o.F == "read" && o.Type == history.OK:
			s.lists = s.lists || strings.HasPrefix(v, "[") || v == ""
		case o.F == "txn" && o.Type == history.Invoke:
			s.appends = s.appends || strings.Contains(v, `["append"`)
			s.writes = s.writes || strings.Contains(v, `["w"`)
		}
		switch o.Type {
		case history.OK:
			s.Ops.OK++
		case history.Fail:
			s.Ops.Fail++
		case history.Info:
			s.Ops.Info++
		}
	}
	s.Torn = r.Torn()
	return s, errors.Join(err, r.Close())
}

func counts(path string, how history.Reading) (store.Counts, error) {
	s, err := Survey(path, how)
	return s.Ops, err
}

// Guess names the checkers that fit the operations of a lone history file, among those that there are.
func Guess(s Seen, there func(name string) bool) ([]string, error) {
	for _, g := range []struct {
		checker string
		needs   string // the operation that tells it
		fs      []string
		fits    bool
	}{
		{"counter", "add", []string{"add", "read"}, !s.lists},
		{"set", "add", []string{"add", "read"}, s.lists},
		{"linearizable-register", "", []string{"read", "write", "cas"}, true},
		{"bank", "transfer", []string{"transfer", "read"}, true},
		{"unique-ids", "generate", []string{"generate"}, true},
		{"lock", "acquire", []string{"acquire", "release", "write"}, true},
		{"total-queue", "enqueue", []string{"enqueue", "dequeue", "drain"}, true},
		{"linearizable-stack", "push", []string{"push", "pop"}, true},
		{"log", "poll", []string{"send", "poll", "assign", "subscribe", "crash"}, true},
		{"list-append", "txn", []string{"txn"}, s.appends && !s.writes},
		{"rw-register", "txn", []string{"txn"}, s.writes && !s.appends},
	} {
		other := func(f string) bool { return !slices.Contains(g.fs, f) }
		if !g.fits || g.needs != "" && !s.Fs[g.needs] || len(s.Fs) == 0 || slices.ContainsFunc(slices.Collect(maps.Keys(s.Fs)), other) || !there(g.checker) {
			continue
		}
		return []string{g.checker}, nil
	}
	return nil, fmt.Errorf("no checker fits its operations (%s) by themselves: name one with --checker (see 'partita list checkers')", strings.Join(slices.Sorted(maps.Keys(s.Fs)), ", "))
}
