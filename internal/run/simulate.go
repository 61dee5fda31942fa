package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/sample/simulate"
	"github.com/partita-dev/partita/internal/store"
	"github.com/partita-dev/partita/nemesis"
)

// simulate does, in virtual time, everything up to the verdict. It leaves the same files as a run on real nodes.
func (r *runner) simulate(ctx context.Context) {
	path := filepath.Join(r.dir.Path, store.HistoryFile)
	var out simulate.Outcome
	err := r.phase("simulate", func() (err error) {
		file, err := history.Create(path)
		if err != nil {
			return err
		}
		faults := make([]nemesis.Asked, len(r.cfg.Faults))
		for i, f := range r.cfg.Faults {
			faults[i] = nemesis.Asked(f)
		}
		out, err = r.cfg.Target.Simulate(ctx, simulate.Config{
			Nodes: r.cfg.Nodes, Workers: r.cfg.Workers, Seed: r.cfg.Seed, Bug: r.cfg.Params["bug"], Workload: r.cfg.Workload, Params: r.cfg.Params,
			Faults: faults, TimeLimit: r.cfg.TimeLimit, OpTimeout: r.cfg.OpTimeout, Interval: r.cfg.Interval, Overlap: r.cfg.Overlap, MaxHarmed: r.cfg.MaxHarmed, Rate: r.cfg.Rate,
			History: file, OnOp: r.cfg.OnOp,
		})
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		return history.Compress(path)
	})
	r.whole = err == nil
	if len(out.Plan.Nodes) == 0 {
		return // it did not begin
	}
	r.plan, r.meta.Checkers = out.Plan, out.Checkers
	if len(r.cfg.Checkers) > 0 {
		r.meta.Checkers = r.cfg.Checkers
	}
	_ = r.phase("logs", func() error {
		err := r.saveFaults(out.Windows)
		for _, node := range slices.Sorted(maps.Keys(out.Logs)) {
			rel := filepath.Join(store.LogsDir, node)
			err = errors.Join(err, r.dir.Root().MkdirAll(rel, 0o755), r.dir.Root().WriteFile(filepath.Join(rel, "sample.log"), []byte(out.Logs[node]), 0o644))
		}
		return err
	})
	for _, node := range slices.Sorted(maps.Keys(out.Crashes)) {
		r.void("nodes", fmt.Sprintf("%s ended by itself %d×: see logs/%s", node, out.Crashes[node], node))
	}
}
