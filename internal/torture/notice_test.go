package torture

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/store"
)

// What is asked after each kind of end must be able to fail. These tests do the harm themselves: what they do not notice,
// the table would call well.

// cutLines takes lines out of a history that is not compressed: as many, beginning with the first that is behind a place.
func cutLines(t *testing.T, folder string, at, lines int) {
	t.Helper()
	path := filepath.Join(folder, store.HistoryFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from := bytes.IndexByte(text[at:], '\n') + at + 1
	to := from
	for range lines {
		to += bytes.IndexByte(text[to:], '\n') + 1
	}
	if to == from {
		t.Fatalf("%s has no line behind byte %d", path, at)
	}
	if err := os.WriteFile(path, append(text[:from:from], text[to:]...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A controller in memory is killed, and a line that was on the disk is taken away behind its back.
func TestALostLineIsNoticed(t *testing.T) {
	t.Parallel()
	k := kill(t, memoryDir(t), "cut", 11, killIn("main", 700*time.Millisecond))
	if k.lost > 0 || len(k.wrong) > 0 {
		t.Fatalf("before: %d bytes lost, wrong: %v", k.lost, k.wrong)
	}
	had, err := record(k.folder)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := had.lost(k.folder); n > 0 || err != nil {
		t.Fatalf("before: %d bytes lost: %v", n, err)
	}
	seenFrom := func() (inside, outside int) {
		again := killed{base: k.base, said: k.said, when: k.when}
		again.look(t)
		outside, err := had.lost(k.folder)
		if err == nil && len(again.wrong) > 0 {
			t.Errorf("it reads, and check does not judge it: %v", again.wrong)
		}
		return again.lost, outside
	}
	// The last line that is whole: the file is as good as before, and shorter.
	end := bytes.LastIndexByte(had.text[:len(had.text)-1], '\n')
	cutLines(t, k.folder, end-1, 1)
	if _, outside := seenFrom(); outside == 0 {
		t.Error("the last line is gone, and nothing is lost")
	}
	// Half of the file, as a writer loses that does not write for long: the controller had said that it was on the disk.
	if err := os.WriteFile(filepath.Join(k.folder, store.HistoryFile), had.text[:bytes.LastIndexByte(had.text[:len(had.text)/2], '\n')+1], 0o644); err != nil {
		t.Fatal(err)
	}
	if inside, outside := seenFrom(); inside == 0 || outside == 0 {
		t.Errorf("half of the file is gone, and lost are %d bytes of what was on the disk, %d of what was seen", inside, outside)
	}
	// One in the middle.
	if err := os.WriteFile(filepath.Join(k.folder, store.HistoryFile), had.text, 0o644); err != nil {
		t.Fatal(err)
	}
	cutLines(t, k.folder, len(had.text)/2, 1)
	if n, err := had.lost(k.folder); n == 0 && err == nil {
		t.Error("a line in the middle is gone, and nothing is lost")
	}
}

// On real nodes the keeper of the lease is stopped, so that nobody undoes the fault of a controller that is killed: the
// row of the lease must fail then, and a line that is missing from the history must be counted. When the keeper goes on
// the lease is over at once: it is the lease that undoes.
func TestALeaseThatIsNotKeptIsNoticed(t *testing.T) {
	if !everything() {
		t.Skipf("NOT RUN: %s (it takes minutes: `make torture` does it)", t.Name())
	}
	b := newBench(t)
	keepers := func(id, signal string) {
		for _, c := range b.containers(id) {
			b.docker("exec", c, "pkill", "-"+signal, "-f", "agent serve --dir")
		}
	}
	id, killed, had := b.killInWindow(func(id string) { keepers(id, "STOP") })
	_, err := b.healed(id, killed, leaseFor)
	if err == nil || !strings.Contains(err.Error(), "DROP") {
		t.Errorf("nobody keeps the lease, and that is not noticed: %v", err)
	}
	keepers(id, "CONT")
	took, again := b.healed(id, time.Now(), 20*time.Second)
	if again != nil {
		t.Error(again)
	}
	b.judged()
	b.lost(had)
	cutLines(t, b.folder(), len(had.text)/2, 3)
	if n, err := had.lost(b.folder()); n == 0 {
		t.Errorf("lines of the history are gone, and nothing is lost: %v", err)
	}
	says(t, b.partita(0, "cluster", "down", id), id+" removed")
	table.add(row{what: "planted: no lease, and lines lost, Docker", times: 1, left: len(b.nothing(id)), status: "killed", failed: t.Failed(),
		notes: fmt.Sprintf("both are noticed; the lease was over %s after its keeper went on", took.Round(100*time.Millisecond))})
}
