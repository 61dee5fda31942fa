package nemesis

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// Config is what a Runner works with.
type Config struct {
	Cluster *cluster.Cluster
	Point   func() history.Point         // where the history is now
	Inject  func(history.Op)             // writes an event of the nemesis
	Save    func([]history.Window) error // puts the windows on disk, fsynced: before anything happens, and at each change
	Log     *slog.Logger                 // nil for none
	Seed    uint64                       // every draw comes from it and the window's number

	OK func() int64 // how many operations of clients have succeeded so far; nil: nobody knows

	Dead func() []string // nodes whose database died by itself and does not run; nil: nobody knows

	Every      time.Duration // between two probes of a fault in force; 0: 1 s
	RecoverFor time.Duration // how long a healed fault may take to be seen gone; 0: 30 s
	StartFor   time.Duration // how long a database that is started again may take to run, or to serve beside one that died; 0: 5 s
	MaxHarmed  int           // how many nodes all faults in force may harm together; 0: a minority, and one that is alone as many as it does
}

const (
	stepFor    = 30 * time.Second // for one Step or Undo
	observeFor = 15 * time.Second // for one probe
	healFor    = 2 * time.Minute  // for one window's healing, all in all
	undoTries  = 3
	primaryFor = 5 * time.Second // for somebody to lead, at the beginning of a fault that wants to know
)

// Runner begins and ends faults, watches them while they are in force, and keeps the window and the certificate of
// each. It may be used from several goroutines. Healing is never cancelled; it is only bounded by time.
type Runner struct {
	cfg    Config
	saving sync.Mutex // one Save at a time, so that the last one is the newest

	mu      sync.Mutex
	windows []*window
}

// window is one fault from its plan to its recovery.
type window struct {
	kind Kind
	spec Spec

	// under Runner.mu
	history.Window
	cert  certificate
	ended bool  // End has begun
	okAt  int64 // Config.OK when it was first observed

	least  time.Time // before which no other window ends it
	undone time.Time // when undoing it had been tried, zero before

	stop func()        // ends the watch
	done chan struct{} // closed when the watch has ended, or the window came to nothing
	over chan struct{} // closed when End has ended
	err  error         // End's; read after over
}

// NewRunner makes a runner without any fault.
func NewRunner(cfg Config) *Runner {
	if cfg.Every <= 0 {
		cfg.Every = time.Second
	}
	if cfg.RecoverFor <= 0 {
		cfg.RecoverFor = 30 * time.Second
	}
	if cfg.StartFor <= 0 {
		cfg.StartFor = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{cfg: cfg}
}

// Windows is a copy of all windows so far, with their certificates.
func (r *Runner) Windows() []history.Window {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]history.Window, 0, len(r.windows))
	for _, w := range r.windows {
		c := w.Window
		c.Errors = slices.Clone(c.Errors)
		c.Evidence = w.cert.value()
		out = append(out, c)
	}
	return out
}

func (r *Runner) save() error {
	r.saving.Lock()
	defer r.saving.Unlock()
	if err := r.cfg.Save(r.Windows()); err != nil {
		return fmt.Errorf("save the faults: %w", err)
	}
	return nil
}

// change does something to a window under the lock, and saves. What cannot be saved is an error of the window.
func (r *Runner) change(w *window, f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	if err := r.save(); err != nil {
		r.cfg.Log.Error("faults are not on disk", "error", err)
		r.mu.Lock()
		w.note(err.Error())
		r.mu.Unlock()
	}
}

// note keeps an error, each text once, and not without end. Runner.mu is held.
func (w *window) note(text string) {
	if len(w.Errors) < 50 && !slices.Contains(w.Errors, text) {
		w.Errors = append(w.Errors, text)
	}
}

// Begin plans a fault, looks at the cluster before it, and sets it in force. The plan is on disk before anything
// happens. With an id the window has begun, even when there is an error too, and wants its End; without one nothing happened.
func (r *Runner) Begin(ctx context.Context, kind Kind, selector string) (id string, err error) {
	return r.begin(ctx, kind, selector, 0)
}

// begin begins a window that stays in force for at least so long, also when another one does not fit beside it.
func (r *Runner) begin(ctx context.Context, kind Kind, selector string, least time.Duration) (id string, err error) {
	if err := Refuse(kind, r.cfg.Cluster); err != nil {
		return "", fmt.Errorf("begin %s: %w", kind.Name, err)
	}
	r.mu.Lock()
	n := len(r.windows) + 1
	watchCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &window{kind: kind, done: make(chan struct{}), over: make(chan struct{}), stop: stop}
	w.ID = fmt.Sprintf("w%d", n)
	w.Fault = kind.Name
	if selector != "" {
		w.Fault += ":" + selector
	}
	w.Commanded, w.Observed, w.Recovered = history.Nowhere, history.Nowhere, history.Never
	r.windows = append(r.windows, w) // it keeps its number, also when it comes to nothing
	r.mu.Unlock()
	nothing := func(err error) (string, error) {
		r.change(w, func() { w.note(err.Error()) })
		close(w.done)
		return "", err
	}

	spec, err := r.plan(ctx, kind, selector, n)
	if err != nil {
		return nothing(fmt.Errorf("plan %s: %w", w.Fault, err))
	}
	clean := r.before(ctx, w, spec)
	if ctx.Err() != nil {
		return nothing(fmt.Errorf("begin %s: %w", w.Fault, context.Cause(ctx)))
	}
	r.mu.Lock()
	w.spec, w.Spec, w.Harmed, w.Sides = spec, history.Of(spec), spec.Harmed, spec.Sides
	r.mu.Unlock()
	if err := r.save(); err != nil {
		return nothing(err) // what is not on disk cannot be undone by anybody else
	}

	r.inject(w, history.Invoke, "start", nil)
	r.mu.Lock()
	w.Commanded.From, w.least = r.cfg.Point(), time.Now().Add(least)
	r.mu.Unlock()
	again, err := r.step(ctx, w, 0)
	r.change(w, func() {
		if err != nil {
			w.note(err.Error())
		}
		if len(spec.Edges) > 0 {
			w.cert.rules(r.cfg.Cluster.Net)
		}
	})
	r.inject(w, history.Info, "start", err)

	go r.watch(watchCtx, w, clean, again)
	return w.ID, err
}

// before probes the cluster without the fault: what was silent already is no proof of a cut. A lost probe is no
// silence, so it tries a few times.
func (r *Runner) before(ctx context.Context, w *window, spec Spec) (clean bool) {
	for range 3 {
		o, err := r.observe(ctx, w, spec)
		r.mu.Lock()
		w.cert.add(&w.cert.Before, r.round(o, err))
		r.mu.Unlock()
		if err == nil && o.Gone && !o.Seen {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
	r.mu.Lock()
	w.note("before the fault not everything was heard, so that what was silent in it proves nothing")
	r.mu.Unlock()
	return false
}

func (r *Runner) step(ctx context.Context, w *window, n int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, stepFor)
	defer cancel()
	return w.kind.Fault.Step(ctx, r.cfg.Cluster, w.spec, n)
}

func (r *Runner) observe(ctx context.Context, w *window, spec Spec) (Observation, error) {
	ctx, cancel := context.WithTimeout(ctx, observeFor)
	defer cancel()
	return w.kind.Fault.Observe(ctx, r.cfg.Cluster, spec)
}

// inject writes an event of the window into the history.
func (r *Runner) inject(w *window, t history.Type, do string, err error) {
	value := struct {
		Do     string     `json:"do"`
		ID     string     `json:"id"`
		Harmed []string   `json:"harmed,omitempty"`
		Sides  [][]string `json:"sides,omitempty"`
	}{do, w.ID, w.spec.Harmed, w.spec.Sides}
	op := history.Op{Process: history.Nemesis, Type: t, F: w.Fault, Value: history.Of(value)}
	if err != nil {
		op.Err = history.Err{Code: "nemesis", Text: err.Error()}
	}
	r.cfg.Inject(op)
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil // both may have come at once, after a machine stood still
	case <-ctx.Done():
		return false
	}
}
