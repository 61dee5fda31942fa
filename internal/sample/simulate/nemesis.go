package simulate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/nemesis"
)

const (
	probeEvery   = time.Second            // while a fault is in force
	recoverEvery = 200 * time.Millisecond // when it was healed
	leaderFor    = 5 * time.Second        // for somebody to lead, when a fault wants to know who does
)

// round is one probe, as it stands in a certificate.
type round struct {
	Time  time.Duration `json:"time"`
	Seen  bool          `json:"seen"`
	Gone  bool          `json:"gone"`
	Edges history.Value `json:"edges"`
	Error string        `json:"error,omitempty"`
}

// window is one fault from its plan to its recovery.
type window struct {
	history.Window
	fault nemesis.Asked
	entry nemesis.Entry
	least time.Duration // before which no other window ends it
	spec  nemesis.Spec
	clean bool // before it, everything was heard: only then what is silent in it proves something
	ended bool
	cert  struct {
		Before []round `json:"before"`
		During []round `json:"during"`
		After  []round `json:"after"`
	}
}

// nemeses are the windows of a run: what nemesis.Runner does with goroutines and clocks, on alarms of the virtual time.
type nemeses struct{ all []*window }

func (n *nemeses) windows() []history.Window {
	ws := make([]history.Window, 0, len(n.all))
	for _, w := range n.all {
		c := w.Window
		c.Errors = slices.Clone(c.Errors)
		if len(w.cert.Before)+len(w.cert.During)+len(w.cert.After) > 0 {
			c.Evidence = history.Of(w.cert)
		}
		ws = append(ws, c)
	}
	return ws
}

// gone is nil when every window that began was seen to be gone.
func (n *nemeses) gone() error {
	for _, w := range n.all {
		if w.Commanded.From.Happened() && !w.Recovered.Happened() {
			return fmt.Errorf("%s (%s) is not seen to be gone", w.Fault, w.ID)
		}
	}
	return nil
}

// inForce are the windows that have begun and not ended.
func (n *nemeses) inForce() (ws []*window) {
	for _, w := range n.all {
		if w.Commanded.From.Happened() && !w.ended {
			ws = append(ws, w)
		}
	}
	return ws
}

func besides(ws []*window) (out []nemesis.Beside) {
	for _, w := range ws {
		out = append(out, nemesis.Beside{Kind: w.fault.Kind, Harmed: w.spec.Harmed})
	}
	return out
}

func (n *nemeses) healAll(r *run, ctx context.Context) {
	for _, w := range slices.Backward(n.all) {
		r.end(ctx, w)
	}
}

// begin plans a fault and commands it, for as long as its entry says.
func (r *run) begin(ctx context.Context, e nemesis.Entry) {
	n := len(r.nem.all) + 1
	w := &window{fault: e.Fault, entry: e}
	w.ID, w.Fault = fmt.Sprintf("w%d", n), e.Fault.Name()
	w.Commanded, w.Observed, w.Recovered = history.Nowhere, history.Nowhere, history.Never
	w.cert.Before, w.cert.During, w.cert.After = []round{}, []round{}, []round{}
	r.nem.all = append(r.nem.all, w)
	r.planned(ctx, w, n, r.world.Now()+leaderFor, r.world.Now()+e.For)
}

// planned goes on when the fault could be planned, which may have to wait for a leader, or for the least time of those in
// force beside which it does not fit.
func (r *run) planned(ctx context.Context, w *window, n int, deadline, ends time.Duration) {
	if w.ended { // everything was healed since
		return
	}
	v := nemesis.View{Nodes: r.c.Names(), Selector: w.fault.Selector, ID: w.ID, Primaries: r.store.Primaries()}
	inForce := r.nem.inForce()
	spec, err := nemesis.Draw(w.fault.Kind, v, r.cfg.Seed, n, r.cfg.MaxHarmed, besides(inForce))
	if errors.Is(err, nemesis.ErrCrowded) {
		free := r.world.Now()
		for _, o := range inForce {
			free = max(free, o.least)
		}
		r.world.At(free, func() {
			for _, o := range inForce {
				r.end(ctx, o)
			}
			r.planned(ctx, w, n, free+leaderFor, ends)
		})
		return
	}
	if errors.Is(err, nemesis.ErrNoPrimaries) && r.world.Now() < deadline {
		r.world.At(r.world.Now()+recoverEvery, func() { r.planned(ctx, w, n, deadline, ends) })
		return
	}
	if err != nil {
		w.note(fmt.Errorf("plan %s: %w", w.Fault, err))
		w.ended = true
		r.save()
		return
	}
	w.spec, w.Spec, w.Harmed, w.Sides = spec, history.Of(spec), spec.Harmed, spec.Sides
	for range 3 {
		o, seen := r.probe(ctx, w, &w.cert.Before)
		if w.clean = seen && o.Gone && !o.Seen; w.clean {
			break
		}
	}
	r.save()
	r.inject(w, history.Invoke, "start", nil)
	w.Commanded.From, w.least = r.s.Point(), r.world.Now()+w.entry.Least
	_, err = w.fault.Kind.Fault.Step(ctx, r.c, spec, 0)
	w.note(err)
	r.inject(w, history.Info, "start", err)
	r.watch(ctx, w)
	r.world.At(max(ends, w.least), func() { r.end(ctx, w) })
}

func (w *window) note(err error) {
	if err != nil && len(w.Errors) < 20 {
		w.Errors = append(w.Errors, err.Error())
	}
}

// watch probes a fault while it is in force.
func (r *run) watch(ctx context.Context, w *window) {
	if w.ended {
		return
	}
	r.look(ctx, w)
	r.world.At(r.world.Now()+probeEvery, func() { r.watch(ctx, w) })
}

func (r *run) look(ctx context.Context, w *window) {
	o, ok := r.probe(ctx, w, &w.cert.During)
	if ok && o.Seen && w.clean {
		now := r.s.Point()
		if !w.Observed.From.Happened() {
			w.Observed.From = now
		}
		w.Observed.To = now
	}
	r.save()
}

func (r *run) probe(ctx context.Context, w *window, part *[]round) (nemesis.Observation, bool) {
	o, err := w.fault.Kind.Fault.Observe(ctx, r.c, w.spec)
	x := round{Time: r.world.Now(), Seen: o.Seen, Gone: o.Gone, Edges: o.Evidence}
	if err != nil {
		x.Error = err.Error()
		w.note(err)
	}
	*part = append(*part, x)
	return o, err == nil
}

// end heals a window; ending what has ended, or never began, is nothing.
func (r *run) end(ctx context.Context, w *window) {
	if w.ended {
		return
	}
	w.ended = true
	if !w.Commanded.From.Happened() {
		return
	}
	if w.Observed.From.Happened() {
		r.look(ctx, w)
	}
	r.inject(w, history.Invoke, "stop", nil)
	w.Commanded.To = r.s.Point()
	err := w.fault.Kind.Fault.Undo(ctx, r.c, w.spec)
	w.note(err)
	r.inject(w, history.Info, "stop", err)
	r.recovered(ctx, w, r.world.Now()+recoverFor)
}

// recovered probes until the fault is gone.
func (r *run) recovered(ctx context.Context, w *window, deadline time.Duration) {
	if o, ok := r.probe(ctx, w, &w.cert.After); ok && o.Gone {
		w.Recovered = r.s.Point()
		r.save()
		return
	}
	if r.world.Now() < deadline {
		r.world.At(r.world.Now()+recoverEvery, func() { r.recovered(ctx, w, deadline) })
	}
}

// inject writes an event of a window into the history.
func (r *run) inject(w *window, t history.Type, do string, err error) {
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
	r.s.Inject(op)
}
