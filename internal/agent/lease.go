package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// DefaultLease is how long an agent waits for a word of its controller before it undoes everything.
const DefaultLease = 20 * time.Second

const (
	minLease = 100 * time.Millisecond
	maxLease = 10 * time.Minute
	// undoAgain is how long the agent waits before it tries again to undo what could not be undone.
	undoAgain = time.Second
)

// lease is who may break things on this node, and until when. It is kept in a file so that an agent that was
// killed and started again still undoes what a lost controller left.
type lease struct {
	path string
	undo func(context.Context) error
	log  *slog.Logger

	// gate is held for reading while something is done that the lease must be able to undo, and for writing
	// while it is undone: nothing can slip in behind an undo.
	gate sync.RWMutex

	mu       sync.Mutex
	holder   string
	token    uint64 // of the present lease; 0 is nobody's
	last     uint64
	length   time.Duration
	deadline time.Time
	failed   error         // why the last undo failed; the lease ends only when it has not
	changed  chan struct{} // has room for one: the deadline moved
}

// leaseFile is the lease on disk.
type leaseFile struct {
	Holder string        `json:"holder"`
	Length time.Duration `json:"length"`
}

func newLease(path string, undo func(context.Context) error, log *slog.Logger) *lease {
	l := &lease{path: path, undo: undo, log: log, changed: make(chan struct{}, 1)}
	var f leaseFile
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l
	}
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil || cluster.CheckName("holder", f.Holder) != nil || f.Length < minLease || f.Length > maxLease {
		log.Warn("the lease's file cannot be read; a whole lease is waited for", "path", path, "err", err)
		f = leaseFile{Holder: "unknown", Length: DefaultLease}
	}
	l.begin(f.Holder, f.Length)
	return l
}

// begin makes a lease; mu is held, or nobody else knows l yet.
func (l *lease) begin(holder string, length time.Duration) {
	l.last++
	l.holder, l.token, l.length, l.deadline, l.failed = holder, l.last, length, time.Now().Add(length), nil
}

func (l *lease) poke() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// take gives the lease to holder, or renews it, and gives its token. While another has it the error says who.
func (l *lease) take(holder string, length time.Duration) (uint64, error) {
	if err := cluster.CheckName("holder", holder); err != nil {
		return 0, bad("%v", err)
	}
	if length == 0 {
		length = DefaultLease
	}
	if length < minLease || length > maxLease {
		return 0, bad("take the lease: %v is no length, expected %v to %v", length, minLease, maxLease)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := time.Until(l.deadline).Round(100 * time.Millisecond)
	switch {
	case l.token != 0 && l.failed != nil:
		return 0, &Error{CodeHeld, fmt.Sprintf("what %s left broken here is still being undone: %v", l.holder, l.failed)}
	case l.token != 0 && left <= 0:
		return 0, &Error{CodeHeld, fmt.Sprintf("what %s left here is just being undone: try again", l.holder)}
	case l.token != 0 && l.holder != holder:
		return 0, &Error{CodeHeld, fmt.Sprintf("the node is held by %s for another %v: wait for its end, or run `partita heal`", l.holder, left)}
	case l.token == 0:
		l.begin(holder, length)
	default:
		l.length, l.deadline = length, time.Now().Add(length)
	}
	b, err := json.Marshal(leaseFile{l.holder, l.length})
	if err == nil {
		err = writeFile(l.path, b)
	}
	if err != nil {
		return 0, fmt.Errorf("keep the lease in a file: %w", err)
	}
	l.poke()
	return l.token, nil
}

// renew says whether token is the present lease's, and makes that last longer.
func (l *lease) renew(token uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token == 0 || token != l.token || !time.Now().Before(l.deadline) {
		return false
	}
	l.deadline = time.Now().Add(l.length)
	return true
}

// held says who has the lease, and for how long still.
func (l *lease) held() (holder string, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == 0 {
		return "", 0
	}
	return l.holder, max(0, time.Until(l.deadline))
}

// breaking runs f, which does what the lease must be able to undo, if token is the present lease's.
func (l *lease) breaking(token uint64, f func() error) error {
	l.gate.RLock()
	defer l.gate.RUnlock()
	if !l.renew(token) {
		return over()
	}
	return f()
}

func over() error {
	return &Error{CodeLease, "the lease is over and everything was undone here: connect again"}
}

// clear undoes everything now. The lease ends with it unless keep is the token of its holder.
func (l *lease) clear(ctx context.Context, keep uint64) error {
	l.gate.Lock()
	defer l.gate.Unlock()
	err := l.undo(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case keep != 0 && keep == l.token:
	case err != nil:
		l.failed = err
	default:
		l.forget()
	}
	return err
}

// drop ends the lease of token; what it did stands.
func (l *lease) drop(token uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token != 0 && token == l.token {
		l.forget()
	}
}

// forget makes the node free; mu is held.
func (l *lease) forget() {
	l.holder, l.token, l.failed = "", 0, nil
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Error("remove the lease's file", "err", err)
	}
}

// run waits for leases to run out, and undoes, until ctx ends.
func (l *lease) run(ctx context.Context) {
	for {
		l.mu.Lock()
		wait, token, holder := time.Duration(-1), l.token, l.holder
		if token != 0 {
			wait = max(0, time.Until(l.deadline))
		}
		failed := l.failed
		l.mu.Unlock()
		if failed != nil {
			wait = undoAgain
		}
		if wait != 0 {
			var due <-chan time.Time
			if wait > 0 {
				due = time.After(wait)
			}
			select {
			case <-ctx.Done():
				return
			case <-l.changed:
			case <-due:
				if failed != nil {
					l.expire(ctx, holder)
				}
			}
			continue
		}
		l.expire(ctx, holder)
	}
}

func (l *lease) expire(ctx context.Context, holder string) {
	l.log.Warn("the lease ran out: everything is undone", "holder", holder)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	if err := l.clear(ctx, 0); err != nil {
		l.log.Error("undo everything: it is tried again", "err", err)
	}
}

// writeFile replaces a file in one step.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
