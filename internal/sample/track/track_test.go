package track_test

import (
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/catalog"
	"github.com/partita-dev/partita/internal/sample"
	"github.com/partita-dev/partita/internal/sample/track"
)

func TestARecordIsWrittenAndJudged(t *testing.T) {
	o := track.Options{Seeds: 1, Clean: 1, Parallel: 2, Log: func(s string) { t.Log(s) }, Faults: [][]string{nil, {"kill:all"}}}
	for _, name := range []string{"stale-follower-read", "unfsynced-log", "double-grant", "non-atomic-transfer", "counter-drifts", "duplicate-id", "entry-skipped-after-start", "never-recovers"} { // all of them: make track-record
		b, err := sample.FindBug(name)
		if err != nil {
			t.Fatal(err)
		}
		o.Bugs = append(o.Bugs, b)
	}
	rec, err := track.Run(t.Context(), catalog.Default(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Err(); err != nil {
		t.Error(err)
	}
	page := rec.Page()
	for _, b := range o.Bugs {
		if !strings.Contains(page, "| `"+b.Name+"` |") {
			t.Errorf("the page does not know %s", b.Name)
		}
	}
	for _, c := range rec.Clean {
		if c.Valid != c.Runs {
			t.Errorf("clean runs of %s under %q: %v", c.Workload, c.Faults, c.Others)
		}
	}
	// A bug that is found by another name is not found, and an accused clean run fails the record.
	rec.Bugs[0].Named = 0
	rec.Clean[0].Accused = 1
	if err := rec.Err(); err == nil || !strings.Contains(err.Error(), rec.Bugs[0].Bug.Name) || !strings.Contains(err.Error(), "accused") {
		t.Errorf("a bad record passes: %v", err)
	}
}
