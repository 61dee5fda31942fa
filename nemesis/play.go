package nemesis

import (
	"context"
	"slices"
	"time"
)

// Play begins and ends the windows of a schedule at their times, counted from now, until it is over or ctx ended; what is
// in force then is left to HealAll. A window that is late, because the one before it took long to recover, ends late too,
// so that it has its least time. Errors are in the windows, and end nothing.
func (r *Runner) Play(ctx context.Context, plan []Entry) {
	began := time.Now()
	until := func(d time.Duration) bool { return pause(ctx, time.Until(began.Add(d))) }
	type open struct {
		id           string
		ends, length time.Duration
	}
	var inForce []open
	endBefore := func(t time.Duration) bool {
		for len(inForce) > 0 && inForce[0].ends <= t {
			o := inForce[0]
			if !until(o.ends) {
				return false
			}
			r.linger(ctx, o.id, o.length*4/5)
			if err := r.End(ctx, o.id); err != nil {
				r.cfg.Log.Error("fault did not end", "window", o.id, "error", err)
			}
			inForce = inForce[1:]
		}
		return true
	}
	const forever = time.Duration(1<<63 - 1)
	for _, e := range plan {
		if !endBefore(e.At) || !until(e.At) {
			return
		}
		id, err := r.begin(ctx, e.Fault.Kind, e.Fault.Selector, e.Least)
		if err != nil {
			r.cfg.Log.Error("fault did not begin", "fault", e.Fault.Name(), "error", err)
		}
		if id != "" {
			inForce = append(inForce, open{id, max(e.At+e.For, time.Since(began)+e.Least), e.For})
			slices.SortStableFunc(inForce, func(a, b open) int { return int(a.ends - b.ends) })
		}
	}
	endBefore(forever)
}

// someOK is how many operations must have succeeded in a window for it not to be extended. One may be an answer that
// was under way when the fault was first seen.
const someOK = 10

// linger waits until enough succeeded in a window.
func (r *Runner) linger(ctx context.Context, id string, most time.Duration) {
	if r.cfg.OK == nil {
		return
	}
	for deadline := time.Now().Add(most); time.Now().Before(deadline); {
		r.mu.Lock()
		i := slices.IndexFunc(r.windows, func(w *window) bool { return w.ID == id })
		w := r.windows[i]
		enough := w.ended || !w.Observed.From.Happened() || 2*len(w.Harmed) >= len(r.cfg.Cluster.Nodes) || r.cfg.OK()-w.okAt >= someOK
		r.mu.Unlock()
		if enough || !pause(ctx, 50*time.Millisecond) {
			return
		}
	}
}
