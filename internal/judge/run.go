package judge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/partita-dev/partita/internal/store"
)

// grace is how much longer than its limit a checker may take to notice that its time is up.
const grace = 5 * time.Second

// Run judges with each named checker, and gives their results in that order. A checker that could not finish is
// Unknown with the reason. An error is an input that cannot be read (it says which file and what is wrong), a lone history file
// whose operations or values are none that a checker knows (it says the line), or a child that cannot be started.
func Run(ctx context.Context, r Request) ([]store.CheckerResult, error) {
	o := order{RunDir: r.RunDir, History: r.History, Reading: r.Reading, Params: r.Params, Timeout: r.Timeout, Memory: r.Memory}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	o.Names = slices.Clone(r.Names)
	if !hasPlan(r.RunDir) { // these are judged against a plan
		o.Names = slices.DeleteFunc(o.Names, func(n string) bool { return n == "coverage" || n == "recovery" })
	}
	var out []store.CheckerResult
	for len(o.Names) > 0 {
		rs, died, err := child(ctx, o)
		out = append(out, rs...)
		if err == nil {
			err = unreadable(r, rs)
		}
		o.Names = o.Names[len(rs):]
		switch {
		case err != nil:
			return out, err
		case died.reason == "":
			return out, nil
		case died.at == "" || ctx.Err() != nil: // before any checker: another child would die of the same
			for _, n := range o.Names {
				out = append(out, unknown(n, died))
			}
			return out, nil
		}
		out = append(out, unknown(died.at, died))
		o.Names = o.Names[1:]
	}
	return out, nil
}

// unreadable is the error of a lone history file, strictly read, in which a checker met what it cannot read. In a run's folder such a thing is what
// a database answered, and the checker is unknown.
func unreadable(r Request, rs []store.CheckerResult) error {
	if r.RunDir != "" || r.Reading.Loose {
		return nil
	}
	for _, c := range rs {
		if c.Malformed == nil {
			continue
		}
		return r.Reading.At(r.History, c.Malformed.Index, fmt.Errorf("%w (checker %s: is this a history for it?)", c.Malformed, c.Name))
	}
	return nil
}

func hasPlan(dir string) bool {
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, store.FaultsFile))
	return err == nil
}

// death is how a child ended before it was done; no reason: it was done.
type death struct {
	at     string // the checker it was at, "" while it read its input
	reason string
	took   time.Duration
}

func unknown(name string, d death) store.CheckerResult {
	r := store.CheckerResult{Name: name, Took: d.took} // the zero Verdict is Unknown
	r.Reason = d.reason
	if d.at == "" {
		r.Reason = "the history could not be read: " + d.reason
	}
	return r
}

// child runs one child to its end. The results are those of a beginning of o.Names.
func child(ctx context.Context, o order) (rs []store.CheckerResult, d death, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, d, fmt.Errorf("find this program to run the checkers with it: %w", err)
	}
	input, err := json.Marshal(o)
	if err != nil {
		return nil, d, fmt.Errorf("write what to check: %w", err)
	}
	cmd := exec.Command(exe, ChildCommand)
	cmd.Env = append(os.Environ(), ChildEnv+"=1")
	cmd.Stdin = bytes.NewReader(input)
	cmd.SysProcAttr = followParent()
	errs := &ends{}
	cmd.Stderr = errs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, d, fmt.Errorf("run the checkers: %w", err)
	}

	// A child follows the thread that started it, so that thread must live as long as the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return nil, d, fmt.Errorf("run the checkers in a process of their own: %w", err)
	}
	msgs := make(chan message)
	bad := make(chan error, 1)
	go func() {
		defer close(msgs)
		bad <- read(stdout, msgs)
	}()

	why := "" // we killed it
	kill := func(reason string) {
		if why == "" {
			why = reason
			_ = cmd.Process.Kill() // it may be gone already
		}
	}
	began := time.Now()
	limit := time.NewTimer(o.Timeout + grace)
	defer limit.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	stopped := ctx.Done()
	var failed string
loop:
	for {
		select {
		case m, ok := <-msgs:
			switch {
			case !ok:
				break loop
			case m.Error != "":
				failed = m.Error
			case m.Begin != "":
				d.at, began = m.Begin, time.Now()
				limit.Reset(o.Timeout + grace)
			case m.Result != nil:
				d.at = ""
				if want := o.Names[min(len(rs), len(o.Names)-1)]; len(rs) == len(o.Names) || m.Result.Name != want {
					kill(fmt.Sprintf("it answered for checker %q when %q was asked", m.Result.Name, want))
					continue
				}
				rs = append(rs, *m.Result)
			}
		case <-limit.C:
			kill(fmt.Sprintf("it took more than %s", o.Timeout))
		case <-poll.C:
			if rss(cmd.Process.Pid) > o.Memory {
				kill(fmt.Sprintf("it needed more than %d MiB of memory", o.Memory>>20))
			}
		case <-stopped:
			stopped = nil
			kill("it was interrupted: " + context.Cause(ctx).Error())
		}
	}
	d.took = time.Since(began)
	readErr := <-bad
	waitErr := cmd.Wait()
	if len(rs) == len(o.Names) {
		return rs, death{}, nil
	}
	if d.at == "" && len(rs) > 0 { // between two checkers: the next one is the one that did not come
		d.at = o.Names[len(rs)]
	}
	switch {
	case failed != "":
		return rs, d, errors.New(failed)
	case why != "":
		d.reason = why
	case readErr != nil:
		d.reason = fmt.Sprintf("its answer could not be read: %v", readErr)
	case waitErr != nil:
		d.reason = "its process died: " + waitErr.Error()
	default:
		d.reason = "its process ended without an answer"
	}
	if s := errs.String(); s != "" && why == "" {
		d.reason += ": " + s
	}
	return rs, d, nil
}

// read decodes a child's lines until its stdout ends; what is left of it after a bad one is thrown away, so that the child does not hang.
func read(stdout io.Reader, msgs chan<- message) error {
	dec := json.NewDecoder(bufio.NewReader(stdout))
	for {
		var m message
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrClosed) {
			return nil // the death says more
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, stdout)
			return err
		}
		msgs <- m
	}
}
