package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ender is a Fault under which the processes of its victims end, by its own hand or by what it does to them. That one of
// them does not run is then no death by itself.
type Ender interface {
	EndsProcesses() bool
}

func endsProcesses(k Kind) bool {
	e, ok := k.Fault.(Ender)
	return ok && e.EndsProcesses()
}

// Ends reports whether the processes of a node may end by a fault now: from its command until it was seen gone, or until
// a database that it started again has had its time to come up.
func (r *Runner) Ends(node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.windows, func(w *window) bool {
		return endsProcesses(w.kind) && slices.Contains(w.spec.Harmed, node) && w.Commanded.From.Happened() && !w.Recovered.Happened() &&
			(w.undone.IsZero() || time.Since(w.undone) < r.cfg.StartFor)
	})
}

// beside are nodes whose database died by itself, where a fault of processes was undone long enough ago: whether it is gone
// is asked of a database that may not serve any more for a reason of its own.
func (r *Runner) beside(w *window) []string {
	if r.cfg.Dead == nil || !harmsProcesses(w.kind) {
		return nil
	}
	r.mu.Lock()
	early := w.undone.IsZero() || time.Since(w.undone) < r.cfg.StartFor
	r.mu.Unlock()
	if early {
		return nil
	}
	return r.cfg.Dead()
}

func besideDeath(nodes []string) string {
	return fmt.Sprintf("it was undone, and not seen to be gone: the database had died by itself on %s", strings.Join(nodes, ", "))
}
