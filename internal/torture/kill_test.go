package torture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/store"
)

// An event is on the disk within 100 ms. A busy machine may be late now and then, but not most of the time, and
// never so much.
const (
	usually = 150 * time.Millisecond
	always  = 5 * time.Second
)

// TestKilledControllersLoseNothing kills a controller at random points, from before its first file to its checkers.
func TestKilledControllersLoseNothing(t *testing.T) {
	points := 20
	if everything() {
		points = 200
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 0))
	long := map[string]time.Duration{}
	for _, kind := range []string{"plain", "cut"} {
		began := monotonic()
		k := kill(t, memoryDir(t), kind, seed, nil)
		if !k.ended || len(k.wrong) > 0 {
			t.Fatalf("a controller that nobody kills: %s %v %s", k.status, k.wrong, k.output)
		}
		long[kind] = time.Duration(k.last-began) + 300*time.Millisecond
	}
	var mu sync.Mutex
	r := row{what: "kill -9 of the controller, target in memory", times: points, status: "killed"}
	where := map[string]int{}
	var unsaved []time.Duration
	t.Run("points", func(t *testing.T) {
		for i := range points {
			kind := "plain"
			if i%4 == 3 {
				kind = "cut"
			}
			at := 1 + time.Duration(draw.Int64N(int64(long[kind])))
			how, point := killAt(at), fmt.Sprint("killed at ", at)
			if i%3 == 2 { // most of a run is clients: the short phases are aimed at
				phase, after := short[draw.IntN(len(short))], time.Duration(draw.Int64N(int64(10*time.Millisecond)))
				how, point = killIn(phase, after), fmt.Sprintf("killed %s into %s", after, phase)
			}
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				k := kill(t, memoryDir(t), kind, seed+uint64(i), how)
				if len(k.wrong) > 0 || k.lost > 0 || len(k.left) > 0 {
					t.Errorf("%s, %s, it was in phase %q: %d bytes lost, left %v, wrong: %v", kind, point, k.phase, k.lost, k.left, k.wrong)
				}
				mu.Lock()
				defer mu.Unlock()
				where[k.phase]++
				unsaved = append(unsaved, k.unsaved)
				r.lost += k.lost
				r.left += len(k.left)
			})
		}
	})
	slices.Sort(unsaved)
	median, longest := unsaved[len(unsaved)/2], unsaved[len(unsaved)-1]
	r.notes = fmt.Sprintf("killed in %v; the oldest event not yet on the disk was %s old at most, %s usually", where, longest.Round(time.Millisecond), median.Round(time.Millisecond))
	if median > usually || longest > always {
		t.Errorf("events are too late on the disk: %s", r.notes)
	}
	t.Log(r.notes)
	if where["main"] == 0 || len(where) < 3 || everything() && len(where) < 6 {
		t.Errorf("the points are not spread over the run: %v", where)
	}
	r.failed = t.Failed()
	table.add(r)
}

// killed is what became of one controller.
type killed struct {
	status  string
	output  string
	folder  string        // the run's, "" when it was not made yet
	phase   string        // in which it was
	ended   bool          // it was done
	last    int64         // when its last event was, monotonic
	lost    int           // bytes that were on the disk and are not in the file
	unsaved time.Duration // how old the oldest event was that is not in the file
	left    []string      // what it left beside the run's folder
	wrong   []string

	base string // where its runs are
	said []byte // what it said of its events, acks
	when int64  // from when on it could not write any more, monotonic; 0 when it was not killed
}

// disturb does something to a controller whose runs are in dir and whose processes have the mark. It gives the time
// from which on the controller could not write any more, 0 when it was not killed.
type disturb func(c *exec.Cmd, dir, mark string) int64

// short are phases that take milliseconds.
var short = []string{"cluster up", "set-up", "clients", "final", "history", "logs", "cluster down", "check", "report"}

// killIn kills a controller at a time after it said that it begins a phase.
func killIn(phase string, after time.Duration) disturb {
	return func(c *exec.Cmd, dir, mark string) int64 {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); pause(time.Millisecond) {
			logs, _ := filepath.Glob(filepath.Join(dir, "*", "2*", store.LogFile))
			for _, path := range logs {
				b, err := os.ReadFile(path)
				if err == nil && (bytes.Contains(b, []byte("name="+phase+"\n")) || bytes.Contains(b, []byte(`name="`+phase+`"`+"\n"))) {
					return killAt(after)(c, dir, mark)
				}
			}
		}
		return 0
	}
}

// killAt kills a controller at a time after its start.
func killAt(at time.Duration) disturb {
	return func(c *exec.Cmd, _, _ string) int64 {
		pause(at)
		when := monotonic()
		_ = c.Process.Kill()
		return when
	}
}

// kill runs a controller with its runs in dir, and disturbs it, unless how is nil.
func kill(t *testing.T, dir, kind string, seed uint64, how disturb) killed {
	t.Helper()
	var k killed
	tmp := t.TempDir()
	mark := filepath.Base(filepath.Dir(tmp)) + "-" + fmt.Sprint(seed)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self(t), dir, fmt.Sprint(seed), kind)
	c.Env = append(os.Environ(), roleEnv+"="+roleMemory, "TMPDIR="+tmp, markEnv+"="+mark)
	c.ExtraFiles = []*os.File{w}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.WaitDelay = 15 * time.Second // a process that is left may hold them open
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	acks := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(r) // up to the last whole one
		_ = r.Close()
		acks <- b
	}()
	when := make(chan int64, 1)
	if how == nil {
		when <- 0
	} else {
		go func() { when <- how(c, dir, mark) }()
	}
	err = c.Wait()
	k.status, k.output = ended(err), out.String()
	k.left = append(left(t, mark), files(t, tmp)...)
	k.base, k.said, k.when = dir, <-acks, <-when
	k.look(t)
	return k
}

// look finds out what the run's folder holds.
func (k *killed) look(t *testing.T) {
	t.Helper()
	runs, err := filepath.Glob(filepath.Join(k.base, "*", "2*"))
	if err != nil {
		t.Fatal(err)
	}
	beside, err := filepath.Glob(filepath.Join(k.base, "*", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	k.left = append(k.left, beside...)
	k.phase = "start"
	if len(runs) == 0 {
		if len(k.said) > 0 {
			k.wrong = append(k.wrong, "there are operations and no folder")
		}
		return
	}
	folder := runs[0]
	k.folder = folder
	k.phase = lastPhase(t, folder)
	have, size, err := content(folder)
	if err != nil {
		k.wrong = append(k.wrong, err.Error())
	}
	var a ack
	for r := bytes.NewReader(k.said); binary.Read(r, binary.LittleEndian, &a) == nil; {
		switch {
		case a.What == synced:
			k.lost = max(k.lost, int(a.N-size))
		case !have[a.N] && k.unsaved == 0:
			k.unsaved = time.Duration(max(1, k.when-a.At))
		}
		k.last = a.At
	}
	k.check(t, folder)
}

// check judges the folder as a person would.
func (k *killed) check(t *testing.T, folder string) {
	t.Helper()
	var m store.Meta
	d, err := store.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	begun := d.ReadJSON(store.MetaFile, &m) == nil
	k.ended = !m.Ended.IsZero()
	c := exec.Command(self(t), "check", "--timeout", "5s", folder)
	c.Env = append(os.Environ(), roleEnv+"="+rolePartita)
	out, err := c.CombinedOutput()
	status := ended(err)
	switch {
	case !begun && status == "exit status 254" && bytes.Contains(out, []byte(store.MetaFile)): // nothing was there yet, and it says so
	case k.ended && (status == "exit status 0" || status == "exit status 2"): // everything was recorded; on a busy machine it may be too little
	case !k.ended && status == "exit status 2" && bytes.Contains(out, []byte("does not count")):
	default:
		k.wrong = append(k.wrong, fmt.Sprintf("partita check: %s: %s", status, out))
	}
	half, err := filepath.Glob(filepath.Join(folder, "*.tmp")) // those that were there before are swept
	if err != nil {
		t.Fatal(err)
	}
	k.left = append(k.left, half...)
}

// lastPhase is where the run was, as its log says.
func lastPhase(t *testing.T, folder string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(folder, store.LogFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	phase := "start"
	for line := range strings.Lines(string(b)) {
		if _, name, ok := strings.Cut(line, "msg=phase name="); ok {
			phase = strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return phase
}
