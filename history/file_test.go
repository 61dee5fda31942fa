package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

const writeForever = "HISTORY_TEST_WRITE_FOREVER"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeForever); path != "" {
		writer(path)
	}
	goleak.VerifyTestMain(m)
}

// writer is the child of the kill test: it tells on stdout what is surely on the disk, and goes on.
func writer(path string) {
	w, err := Create(path)
	for i := int64(0); err == nil; i++ {
		err = w.Append(sampleOp(i))
		if err == nil && i%50 == 0 {
			if err = w.Sync(); err == nil {
				fmt.Println(i)
			}
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func sampleOp(i int64) Op {
	return Op{Index: i, Time: time.Duration(i), Process: int32(i % 5), Type: Info, F: "write", Key: "k", Value: Int(i), Node: "nö", Err: Err{"timeout", "\"…\""}}
}

func write(t *testing.T, path string, n int64) []Op {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var ops []Op
	for i := range n {
		ops = append(ops, sampleOp(i))
		if err := w.Append(ops[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(sampleOp(n)); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	return ops
}

func TestAFileComesBackPlainAndCompressed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	want := write(t, path, 5000)
	check := func(path string) {
		t.Helper()
		got, torn, err := ReadAll(path)
		if err != nil || torn {
			t.Fatalf("%s: %v (torn: %v)", path, err, torn)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	}
	check(path)
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("a second run may write over the history: %v", err)
	}
	if err := Compress(path); err != nil {
		t.Fatal(err)
	}
	check(path + ".zst")
	if left, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(left) != 1 {
		t.Errorf("left beside the compressed file: %v", left)
	}
}

func TestCompressKeepsTheOriginalWhenItCannot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "history.jsonl")
	write(t, path, 10)
	if err := os.Mkdir(path+".zst", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Compress(path); err == nil {
		t.Fatal("compressed over a folder")
	}
	if _, _, err := ReadAll(path); err != nil {
		t.Errorf("the original is gone: %v", err)
	}
	if _, err := os.Stat(path + ".zst.tmp"); err == nil {
		t.Error("a half file is left")
	}
}

func TestACompressedFileThatIsCutIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	write(t, path, 3000)
	if err := Compress(path); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path + ".zst")
	if err := os.WriteFile(path, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadAll(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("half a compressed file gives %v", err)
	}
}

func TestTheLastLineMayBeCutOffAnywhere(t *testing.T) {
	var whole []byte
	for i := range int64(3) {
		whole = append(AppendJSON(whole, sampleOp(i)), '\n')
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	from := len(whole) - len(lines[2])
	for cut := from; cut <= len(whole); cut++ {
		for _, zeros := range []int{0, 5} {
			ops, torn, err := readAll(append(bytes.Clone(whole[:cut]), make([]byte, zeros)...))
			wantOps, wantTorn := 2, true
			switch {
			case cut == from && zeros == 0:
				wantTorn = false
			case cut == len(whole):
				wantOps, wantTorn = 3, zeros > 0
			case cut == len(whole)-1 && zeros == 0: // only the line's end is missing
				wantOps, wantTorn = 3, false
			}
			if err != nil || len(ops) != wantOps || torn != wantTorn {
				t.Fatalf("cut at byte %d of the last line, %d zeros: %d ops, torn %v, %v; want %d, %v", cut-from, zeros, len(ops), torn, err, wantOps, wantTorn)
			}
		}
	}
	// The same cut in the middle of the file is no torn tail.
	for cut := from + 1; cut < len(whole)-1; cut++ {
		bad := append(append(bytes.Clone(whole[:cut]), '\n'), AppendJSON(nil, sampleOp(9))...)
		if _, _, err := readAll(bad); err == nil || !strings.HasPrefix(err.Error(), "mem:3: ") {
			t.Fatalf("a line cut at byte %d in the middle of the file: %v", cut-from, err)
		}
	}
}

func readAll(b []byte) (ops []Op, torn bool, err error) {
	r, err := NewReader(bytes.NewReader(b), "mem")
	if err != nil {
		return nil, false, err
	}
	for op, err := range r.All() {
		if err != nil {
			return ops, r.Torn(), err
		}
		ops = append(ops, op)
	}
	return ops, r.Torn(), r.Close()
}

func TestWhatIsWrongInAFileIsNamedWithItsLine(t *testing.T) {
	a, b := string(AppendJSON(nil, sampleOp(1))), string(AppendJSON(nil, sampleOp(2)))
	for text, want := range map[string]string{
		a + "\n" + "oops\n":   "mem:2: column 1: expected an object",
		a + "\n" + "oops":     "mem:2: column 1: expected an object",
		a + "\n\n" + b + "\n": "mem:2: expected more",
		b + "\n" + a + "\n":   "mem:2: expected an index above 2",
		a + "\n" + a + "\n":   "mem:2: expected an index above 1",
		a + "\n" + `{"index":2,"time":0,"process":0,"type":"ok"}` + "\n": "mem:2: expected a time of 1 or later",
		a + b + "\n": "mem:1: ",
	} {
		if _, _, err := readAll([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n gives %v\n want  %s", text, err, want)
		}
	}
	if ops, torn, err := readAll(nil); len(ops) != 0 || torn || err != nil {
		t.Errorf("an empty file: %v %v %v", ops, torn, err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestALongLineIsRead(t *testing.T) {
	op := sampleOp(1)
	op.Value = Str(strings.Repeat("x", 1<<20))
	ops, _, err := readAll(append(AppendJSON(nil, op), '\n'))
	if err != nil || len(ops) != 1 || ops[0] != op {
		t.Fatalf("%d ops, %v", len(ops), err)
	}
}

// disk is a File that can be full and that counts.
type disk struct {
	mu    sync.Mutex
	b     []byte
	room  int
	syncs int
	sync  error
	shut  bool
}

func (d *disk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.b)+len(b) <= d.room {
		d.b = append(d.b, b...)
		return len(b), nil
	}
	n := d.room - len(d.b)
	d.b = append(d.b, b[:n]...)
	return n, syscall.ENOSPC
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	return d.sync
}

func (d *disk) Close() error { d.shut = true; return nil }

func (d *disk) get() (b []byte, syncs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bytes.Clone(d.b), d.syncs
}

func TestAFullDiskIsSaidAndKeepsWhatWasWritten(t *testing.T) {
	d := &disk{room: 10_000}
	w := NewWriter(d)
	for i := int64(0); w.Append(sampleOp(i)) == nil; i++ {
		if i == 50 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	<-w.Failed()
	if err := w.Err(); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "--store") {
		t.Errorf("the error is %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("close gives %v", err)
	}
	if !d.shut {
		t.Error("the file is left open")
	}
	ops, torn, err := readAll(d.b)
	if err != nil || len(ops) < 51 || !torn {
		t.Errorf("of the full disk %d ops are readable, torn %v, %v", len(ops), torn, err)
	}
}

func TestAFullDeviceIsNoticedWithoutAnotherAppend(t *testing.T) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("NOT RUN: full device (no /dev/full here)")
	}
	w := NewWriter(f)
	if err := w.Append(sampleOp(0)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.Failed():
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
}

func TestAFailedSyncIsAFailure(t *testing.T) {
	d := &disk{room: 1 << 20, sync: syscall.EIO}
	w := NewWriter(d)
	if err := w.Append(sampleOp(0)); err != nil {
		t.Fatal(err)
	}
	<-w.Failed()
	if err := w.Append(sampleOp(1)); !errors.Is(err, syscall.EIO) {
		t.Errorf("the next append gives %v", err)
	}
	if err := w.Close(); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
}

func TestEventsReachTheDiskByThemselves(t *testing.T) {
	d := &disk{room: 1 << 20}
	w := NewWriter(d)
	defer func() { _ = w.Close() }()
	for i := range int64(3) {
		_, before := d.get()
		if err := w.Append(sampleOp(i)); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(20 * time.Second)
		for {
			b, syncs := d.get()
			if syncs > before && bytes.Count(b, []byte("\n")) == int(i)+1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("event %d is not on the disk", i)
			}
			time.Sleep(time.Millisecond)
		}
	}
	if _, syncs := d.get(); syncs > 6 {
		t.Errorf("%d fsyncs for three events", syncs)
	}
}

func TestAKilledWriterLeavesAReadableFileWithAllThatWasSynced(t *testing.T) {
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "history.jsonl")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), writeForever+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var synced int64
		lines := bufio.NewScanner(out)
		for n := 0; n < 3+4*round && lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &synced); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ops, _, err := ReadAll(path)
		if err != nil || int64(len(ops)) <= synced {
			t.Fatalf("%d events are readable, %d were synced: %v", len(ops), synced+1, err)
		}
	}
}
