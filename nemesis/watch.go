package nemesis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/partita-dev/partita/history"
)

// watch probes a fault while it is in force, and goes on with its steps when they are due. A fault that is not (or no
// longer) seen is set once more, for addresses change when nodes restart, and that is recorded.
func (r *Runner) watch(ctx context.Context, w *window, clean bool, again time.Duration) {
	defer close(w.done)
	next := time.Now().Add(again)
	for n, retried := 1, false; ; {
		if again > 0 && !time.Now().Before(next) {
			var err error
			again, err = r.step(ctx, w, n)
			n, next = n+1, time.Now().Add(again)
			r.noteError(ctx, w, err)
		}
		seen, err := r.look(ctx, w, clean)
		switch {
		case ctx.Err() != nil:
			return
		case seen:
			retried = false
		case err == nil && !retried && again == 0: // a fault with steps of its own may be between two of them
			retried = true
			r.change(w, func() { w.note(r.lapse(w)) })
			_, err := r.step(ctx, w, 0)
			r.noteError(ctx, w, err)
			if err == nil {
				continue // see at once whether that helped
			}
		}
		wait := r.cfg.Every
		if again > 0 {
			wait = min(wait, max(time.Until(next), time.Millisecond))
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// lapse says that a fault in force was not seen. Runner.mu is held.
func (r *Runner) lapse(w *window) string {
	if w.Observed.From.Happened() {
		return fmt.Sprintf("at %.1f s it was no longer seen: it was set again", r.cfg.Point().Time.Seconds())
	}
	return "the first probe did not see it: it was set again"
}

func (r *Runner) noteError(ctx context.Context, w *window, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	r.change(w, func() { w.note(err.Error()) })
}

// look probes once while the fault is in force. Both ends of what was observed are the moments when a probe had come
// back: the fault was there for at least that long.
func (r *Runner) look(ctx context.Context, w *window, clean bool) (seen bool, err error) {
	o, err := r.observe(ctx, w, w.spec)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	r.change(w, func() {
		if w.cert.add(&w.cert.During, r.round(o, err)); err != nil {
			w.note(err.Error())
		}
		if !o.Seen || !clean {
			return
		}
		now := r.cfg.Point()
		if !w.Observed.From.Happened() {
			w.Observed.From = now
			if r.cfg.OK != nil {
				w.okAt = r.cfg.OK()
			}
		}
		w.Observed.To = now
	})
	return o.Seen, err
}

// End heals a window and waits until a probe saw it gone, which is bounded. It is not cancelled with ctx. Ending what has
// ended gives the same answer again.
func (r *Runner) End(ctx context.Context, id string) error {
	r.mu.Lock()
	var w *window
	for _, x := range r.windows {
		if x.ID == id {
			w = x
		}
	}
	if w == nil {
		r.mu.Unlock()
		return fmt.Errorf("end fault %q: there is no such window", id)
	}
	first := !w.ended
	w.ended = true
	r.mu.Unlock()
	if !first {
		<-w.over
		return w.err
	}
	defer close(w.over)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healFor)
	defer cancel()
	w.stop()
	<-w.done
	if !w.Commanded.From.Happened() {
		return nil // it came to nothing
	}
	if w.Observed.From.Happened() {
		// Up to the end it was seen, if one more probe sees it.
		_, _ = r.look(ctx, w, true)
	}
	w.err = r.heal(ctx, w)
	return w.err
}

// heal undoes a window and waits for its recovery.
func (r *Runner) heal(ctx context.Context, w *window) error {
	r.inject(w, history.Invoke, "stop", nil)
	r.change(w, func() { w.Commanded.To = r.cfg.Point() })
	var err error
	for n := range undoTries {
		if n > 0 && !pause(ctx, time.Second) {
			break
		}
		if err = r.undo(ctx, w); err == nil {
			break
		}
		r.noteError(ctx, w, err)
	}
	r.mu.Lock()
	w.undone = time.Now()
	r.mu.Unlock()
	r.inject(w, history.Info, "stop", err)
	if r.recovered(ctx, w) {
		if err != nil {
			r.cfg.Log.Warn("a fault is gone though healing it failed", "fault", w.Fault, "error", err)
		}
		return nil
	}
	if dead := r.beside(w); err == nil && len(dead) > 0 {
		r.change(w, func() { w.note(besideDeath(dead)) })
		return nil
	}
	gone := fmt.Errorf("%s (%s) was not seen to be gone %s after it was healed: see what is left with 'partita heal'", w.Fault, w.ID, r.cfg.RecoverFor)
	r.change(w, func() { w.note(gone.Error()) })
	return errors.Join(err, gone)
}

func (r *Runner) undo(ctx context.Context, w *window) error {
	ctx, cancel := context.WithTimeout(ctx, stepFor)
	defer cancel()
	return w.kind.Fault.Undo(ctx, r.cfg.Cluster, w.spec)
}

// recovered probes until the fault is gone. Beside a database that died by itself it does not wait for long.
func (r *Runner) recovered(ctx context.Context, w *window) bool {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.RecoverFor)
	defer cancel()
	for {
		o, err := r.observe(ctx, w, w.spec)
		r.change(w, func() {
			w.cert.add(&w.cert.After, r.round(o, err))
			if err == nil && o.Gone {
				w.Recovered = r.cfg.Point()
			}
		})
		if err == nil && o.Gone {
			return true
		}
		if len(r.beside(w)) > 0 || !pause(ctx, min(r.cfg.Every, 200*time.Millisecond)) {
			return false
		}
	}
}

// HealAll ends every window that has begun, the last one first, whatever became of ctx. Its errors say what is still broken.
func (r *Runner) HealAll(ctx context.Context) error {
	r.mu.Lock()
	var ids []string
	for _, w := range r.windows {
		ids = append(ids, w.ID)
	}
	r.mu.Unlock()
	var errs []error
	for i := len(ids) - 1; i >= 0; i-- {
		errs = append(errs, r.End(ctx, ids[i]))
	}
	return errors.Join(errs...)
}
