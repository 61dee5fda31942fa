package nemesis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// redraws is how many draws of a fault are tried before it does not fit.
const redraws = 64

// ErrCrowded is a fault that would harm too many nodes, or a node's processes twice, together with those in force.
var ErrCrowded = errors.New("it does not fit beside the faults that are in force")

// plan plans the nth window so that it fits beside those in force; when no draw of it does, those are ended first, after
// their least time.
func (r *Runner) plan(ctx context.Context, kind Kind, selector string, n int) (Spec, error) {
	spec, err := r.planBeside(ctx, kind, selector, n, r.inForce())
	if !errors.Is(err, ErrCrowded) {
		return spec, err
	}
	var errs []error
	for _, w := range r.inForce() {
		if !pause(ctx, time.Until(w.least)) {
			return Spec{}, context.Cause(ctx)
		}
		r.cfg.Log.Info("a fault ends before its time, since the next one does not fit beside it", "window", w.ID, "next", kind.Name)
		errs = append(errs, r.End(ctx, w.ID))
	}
	if err := errors.Join(errs...); err != nil {
		return Spec{}, fmt.Errorf("end what was in force before: %w", err)
	}
	return r.planBeside(ctx, kind, selector, n, nil)
}

// planBeside plans. Only a fault that wants to know who leads makes it ask, for as long as an election takes.
func (r *Runner) planBeside(ctx context.Context, kind Kind, selector string, n int, inForce []*window) (Spec, error) {
	v := View{Nodes: r.cfg.Cluster.Names(), Selector: selector, ID: fmt.Sprintf("w%d", n)}
	deadline := time.Now().Add(primaryFor)
	for {
		spec, err := r.draw(kind, v, n, inForce)
		p, knows := r.cfg.Cluster.DB.(cluster.Primaries)
		if !errors.Is(err, ErrNoPrimaries) || !knows || time.Now().After(deadline) {
			return spec, err
		}
		askCtx, cancel := context.WithDeadline(ctx, deadline.Add(time.Second))
		leads, askErr := p.Primaries(askCtx, r.cfg.Cluster)
		cancel()
		if askErr != nil {
			r.cfg.Log.Warn("nobody could be asked who leads", "error", askErr)
		}
		if v.Primaries = leads; len(leads) == 0 && !pause(ctx, 200*time.Millisecond) {
			return Spec{}, context.Cause(ctx)
		}
	}
}

func (r *Runner) draw(kind Kind, v View, n int, inForce []*window) (Spec, error) {
	beside := make([]Beside, len(inForce))
	for i, w := range inForce {
		beside[i] = Beside{w.kind, w.spec.Harmed}
	}
	return Draw(kind, v, r.cfg.Seed, n, r.cfg.MaxHarmed, beside)
}

// Beside is a fault in force, beside which another one is planned.
type Beside struct {
	Kind   Kind
	Harmed []string
}

// Draw plans the nth window of a run from its seed until a draw fits beside those in force, and is ErrCrowded when none
// does. maxHarmed is how many nodes all of them may harm together, as in Config.
func Draw(kind Kind, v View, seed uint64, n, maxHarmed int, inForce []Beside) (Spec, error) {
	for try := range uint64(redraws) {
		spec, err := kind.Fault.Plan(v, rand.New(rand.NewPCG(seed, uint64(n)|try<<32)))
		if err != nil || fits(kind, v, spec, maxHarmed, inForce) {
			return spec, err
		}
	}
	if len(inForce) > 0 {
		return Spec{}, ErrCrowded
	}
	return Spec{}, fmt.Errorf("no draw of %s harms at most %d nodes: name a target behind a colon, or allow more with --max-harmed", kind.Name, maxHarmed)
}

// fits reports whether a plan may be carried out beside what is in force. All of them together harm at most as many
// nodes as are allowed, and no node's processes are harmed by two. A fault that is alone is bound only when a limit was
// asked for and its target was left to chance: kill:all means all.
func fits(kind Kind, v View, s Spec, maxHarmed int, inForce []Beside) bool {
	if len(inForce) == 0 && (maxHarmed <= 0 || v.Selector != "" && v.Selector != "random") {
		return true
	}
	harmed := slices.Clone(s.Harmed)
	for _, b := range inForce {
		if harmsProcesses(kind) && harmsProcesses(b.Kind) && slices.ContainsFunc(b.Harmed, func(n string) bool { return slices.Contains(s.Harmed, n) }) {
			return false
		}
		harmed = append(harmed, b.Harmed...)
	}
	slices.SortFunc(harmed, strings.Compare)
	if maxHarmed <= 0 {
		maxHarmed = max(1, (len(v.Nodes)-1)/2)
	}
	return len(slices.Compact(harmed)) <= maxHarmed
}

// inForce are the windows that have begun and not ended, the first one first. Their plans do not change any more.
func (r *Runner) inForce() []*window {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ws []*window
	for _, w := range r.windows {
		if w.Commanded.From.Happened() && !w.ended {
			ws = append(ws, w)
		}
	}
	return ws
}
