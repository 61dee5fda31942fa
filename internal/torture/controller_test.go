package torture

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/checker"
	"github.com/partita-dev/partita/clients/memory"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/run"
	"github.com/partita-dev/partita/internal/run/runtest"
)

// ack is what a memory controller says on its descriptor 3, 24 bytes: what, a number, and the machine's monotonic
// time in ns. An event was appended to the history (its index), or bytes are on the disk (how many in all).
type ack struct{ What, N, At int64 }

const (
	appended = iota + 1
	synced
)

// acks writes them, from many goroutines: less than a page is one write.
type acks struct{ to *os.File }

func (a acks) say(what, n int64) {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, ack{what, n, monotonic()}); err != nil {
		panic(err)
	}
	if _, err := a.to.Write(b.Bytes()); err != nil {
		panic(err)
	}
}

// watched is a history's file that says what is on the disk.
type watched struct {
	*os.File
	acks    acks
	written atomic.Int64
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.File.Write(b)
	w.written.Add(int64(n))
	return n, err
}

func (w *watched) Sync() error {
	n := w.written.Load()
	err := w.File.Sync()
	if err == nil {
		w.acks.say(synced, n)
	}
	return err
}

// monotonic is the machine's clock that all its processes share, in ns.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // the clock is always there
	}
	return t.Nano()
}

// memoryController runs a target in memory: STORE SEED KIND. It is what is tortured.
func memoryController(args []string) int {
	seed, err := strconv.ParseUint(args[1], 10, 64)
	if err != nil {
		return fail(err)
	}
	var o runtest.Options
	if args[2] == "deaf" {
		var n atomic.Int64
		o.Fault = func(_ string, op history.Op) (f memory.Fault) {
			f.Hang = op.F == "write" && n.Add(1) == 20
			f.Ignore = true
			return f
		}
	}
	cfg := runtest.New(o).Config(args[0])
	cfg.Seed = seed
	cfg.TimeLimit = 700 * time.Millisecond
	switch args[2] {
	case "cut":
		cfg.TimeLimit, cfg.Interval = 3200*time.Millisecond, time.Second
		if cfg.Faults, err = cfg.Catalog.ParseFaults([]string{"partition:primaries"}, run.NodeNames(cfg.Nodes)); err != nil {
			return fail(err)
		}
	case "full": // more than any small disk
		cfg.TimeLimit, cfg.Rate = time.Minute, 0
	case "sleepy":
		cfg.Catalog.Checkers = append(cfg.Catalog.Checkers, sleeper)
		cfg.Checkers = []string{sleeper.Name}
	case "deaf":
		cfg.TimeLimit = 2 * time.Second
	}
	unix.CloseOnExec(3) // a checkers' process that is left must not look like a controller that is not done
	a := acks{os.NewFile(3, "acks")}
	cfg.OnOp = func(op history.Op) { a.say(appended, op.Index) }
	cfg.Create = func(path string) (*history.Writer, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return nil, err
		}
		return history.NewWriter(&watched{File: f, acks: a}), nil
	}
	out, err := run.Run(context.Background(), cfg)
	fmt.Println(out.Verdict.Verdict, out.Verdict.Summary)
	switch {
	case err != nil:
		return fail(err)
	case out.Verdict.Verdict == checker.Valid:
		return 0
	case out.Verdict.Verdict == checker.Invalid:
		return 1
	}
	return 2
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 3
}
