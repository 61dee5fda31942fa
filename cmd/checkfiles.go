package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/internal/judge"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/store"
)

// judged is what became of one argument of check.
type judged struct {
	path    string
	verdict store.Verdict
	meta    store.Meta // zero for a lone history file
	note    string     // beside the verdict
	err     error      // no verdict
}

// judgeAll judges each path, as many at once as there are processors, which share the memory, and gives what it found to out in
// the order of the paths, each as soon as it can be. It ends early with the error of out.
func (a *app) judgeAll(ctx context.Context, paths []string, o run.CheckOptions, out func(judged) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	at := max(1, min(runtime.GOMAXPROCS(0), len(paths)))
	if o.Memory <= 0 {
		o.Memory = judge.DefaultMemory
	}
	o.Memory /= int64(at)
	done := make([]chan judged, len(paths))
	for i := range done {
		done[i] = make(chan judged, 1)
	}
	var g errgroup.Group
	g.SetLimit(at)
	go func() {
		for i, path := range paths {
			g.Go(func() error {
				done[i] <- a.checkOne(ctx, path, o)
				return nil
			})
		}
	}()
	for _, c := range done {
		if err := out(<-c); err != nil {
			cancel() // what is still running ends, and its result is nobody's
			return err
		}
	}
	return nil
}

// spool keeps what comes from a pipe in a file, because a history is gone through more than once. The caller calls remove.
func (a *app) spool() (path string, remove func(), err error) {
	f, err := os.CreateTemp("", "partita-stdin-*")
	if err != nil {
		return "", nil, fmt.Errorf("keep what comes from standard input: %w", err)
	}
	remove = func() { _ = os.Remove(f.Name()) } // a file of our own in the system's folder for such files
	_, err = io.Copy(f, a.stdin)
	if err = errors.Join(err, f.Close()); err != nil {
		remove()
		return "", nil, fmt.Errorf("keep what comes from standard input: %w (set TMPDIR to a folder with more room)", err)
	}
	return f.Name(), remove, nil
}

// checkOne judges one folder of a run, and gives what was run, or one history file, "-" being standard input.
func (a *app) checkOne(ctx context.Context, path string, o run.CheckOptions) judged {
	j := judged{path: path}
	if path == "-" {
		file, remove, err := a.spool()
		if err != nil {
			j.err = err
			return j
		}
		defer remove()
		o.Reading.Name = "stdin"
		return a.checkFile(ctx, file, j, o)
	}
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		j.err = fmt.Errorf("check %s: %w: expected a history file, the folder of a run, or - for standard input", path, errors.Unwrap(err))
		return j
	case !fi.IsDir():
		return a.checkFile(ctx, path, j, o)
	}
	d, err := store.Open(path)
	if err != nil {
		j.err = err
		return j
	}
	defer func() { _ = d.Close() }()
	if j.verdict, j.err = run.Check(ctx, a.catalog, d, o); j.err != nil {
		return j
	}
	if j.err = d.ReadJSON(store.MetaFile, &j.meta); j.err != nil || len(o.Checkers) > 0 || len(o.Params) > 0 {
		return j
	}
	if err := d.WriteJSON(store.VerdictFile, j.verdict); err != nil { // a disk that is full or read-only: the verdict is no other for it
		j.note = fmt.Sprintf("the verdict is only printed: %v", err)
	}
	return j
}

// checkFile judges one history file.
func (a *app) checkFile(ctx context.Context, path string, j judged, o run.CheckOptions) judged {
	seen, err := run.Survey(path, o.Reading)
	if err != nil {
		j.err = err
		return j
	}
	if seen.Torn {
		j.note = j.path + ": the last line is torn, as a crash leaves it; it is left out"
	}
	if len(o.Checkers) == 0 {
		there := func(name string) bool { _, err := a.catalog.Checker(name); return err == nil }
		if o.Checkers, err = run.Guess(seen, there); err != nil {
			j.err = fmt.Errorf("%s: %w", j.path, err)
			return j
		}
	}
	j.verdict, j.err = run.CheckFile(ctx, path, o)
	return j
}

// status is the exit status of one argument, whose verdict is never valid beside an error.
func (j *judged) status() int {
	if j.err == nil {
		return verdictStatus(j.verdict.Verdict)
	}
	j.verdict.Verdict = checker.Merge(j.verdict.Verdict, checker.Unknown)
	j.verdict.Errors = append(j.verdict.Errors, j.err.Error())
	return statusArguments
}
