package judge

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/store"
)

// ChildMain is the child's side of Run: it reads an order from stdin, runs the checkers one after the other and
// writes their results to stdout, a line each. It gives the exit status.
func ChildMain(specs []checker.Spec, stdin io.Reader, stdout io.Writer) int {
	enc := json.NewEncoder(stdout)
	var o order
	if err := json.NewDecoder(stdin).Decode(&o); err != nil {
		return say(enc, message{Error: fmt.Sprintf("read what to check: %v", err)}, 1)
	}
	debug.SetTraceback("single") // the parent shows the end of stderr
	if o.Memory > 0 {
		debug.SetMemoryLimit(o.Memory / 4 * 3) // collect harder before the parent's cap is near
	}
	in, closer, err := load(o)
	if err != nil {
		return say(enc, message{Error: err.Error()}, 1)
	}
	defer func() { _ = closer.Close() }()
	for _, name := range o.Names {
		if say(enc, message{Begin: name}, 0) != 0 {
			return 1
		}
		began := time.Now()
		r := one(specs, name, in, o.Timeout)
		if say(enc, message{Result: &store.CheckerResult{Name: name, Took: time.Since(began), Result: r}}, 0) != 0 {
			// A result that is no JSON is the checker's mistake, not the others'.
			bad := checker.Result{Reason: "its result cannot be written as JSON"}
			if say(enc, message{Result: &store.CheckerResult{Name: name, Took: time.Since(began), Result: bad}}, 0) != 0 {
				return 1
			}
		}
	}
	return 0
}

func say(enc *json.Encoder, m message, status int) int {
	if err := enc.Encode(m); err != nil {
		return 1
	}
	return status
}

// one runs one checker. A panic in its own goroutine is a result; in another goroutine it ends the child.
func one(specs []checker.Spec, name string, in input, timeout time.Duration) (r checker.Result) {
	i := slices.IndexFunc(specs, func(s checker.Spec) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range specs {
			names = append(names, s.Name)
		}
		return checker.Result{Reason: fmt.Sprintf("there is no checker %q: choose from %s", name, strings.Join(names, ", "))}
	}
	defer func() {
		if p := recover(); p != nil {
			stack := strings.Split(strings.TrimSpace(string(debug.Stack())), "\n")
			r = checker.Result{Reason: fmt.Sprintf("it panicked: %v", p), Facts: map[string]any{"stack": stack[:min(len(stack), 30)]}}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r = canary(ctx, name, specs[i].Checker, in, specs[i].Checker.Check(ctx, in.Input))
	if r.Verdict != checker.Valid && r.Reason == "" {
		r.Reason = "it gave no reason"
	}
	return r
}

// input is what the checkers look at, and the seed of the run, 0 for a lone file.
type input struct {
	checker.Input
	seed uint64
}

// load reads what the checkers look at.
func load(o order) (input, io.Closer, error) {
	if o.RunDir == "" {
		in, err := view(o.History, o.Reading)
		in.Params = o.Params
		return in, io.NopCloser(nil), err
	}
	d, err := store.Open(o.RunDir)
	if err != nil {
		return input{}, nil, err
	}
	in, err := loadRun(d, o.Params)
	if err != nil {
		_ = d.Close()
		return in, nil, err
	}
	return in, d, nil
}

func loadRun(d *store.Dir, params history.Params) (input, error) {
	path := filepath.Join(d.Path, store.HistoryFile)
	if d.Has(store.HistoryZst) {
		path = filepath.Join(d.Path, store.HistoryZst)
	}
	in, err := view(path, history.Reading{})
	if err != nil {
		return in, err
	}
	var meta store.Meta
	if err := d.ReadJSON(store.MetaFile, &meta); err != nil {
		return in, err
	}
	in.seed = meta.Seed
	in.Params = history.Params{}
	for _, ps := range []history.Params{meta.Params, params} {
		for k, v := range ps {
			in.Params[k] = v
		}
	}
	if d.Has(store.FaultsFile) {
		var f store.Faults
		if err := d.ReadJSON(store.FaultsFile, &f); err != nil {
			return in, err
		}
		in.Plan, in.Windows = &f.Plan, f.Windows
	}
	if d.Has(store.LogsDir) {
		if in.Logs, err = fs.Sub(d.Root().FS(), store.LogsDir); err != nil {
			return in, fmt.Errorf("open the logs: %w", err)
		}
	}
	return in, nil
}

func view(path string, how history.Reading) (input, error) {
	v, err := how.View(path)
	return input{Input: checker.Input{History: v}}, err
}
