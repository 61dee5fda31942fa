package history

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// File is what a Writer writes to; an *os.File is one.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

const (
	// syncEvery is the pause between two fsyncs; with the fsync itself an event is on the disk within 100 ms.
	syncEvery = 50 * time.Millisecond
	// bufferFull is how much is kept in memory before Append writes it out by itself.
	bufferFull = 256 << 10
)

// ErrClosed is the error of an Append after Close.
var ErrClosed = errors.New("the history is closed")

// Writer is the append-only file of a run. Events are buffered and on the disk (fsync) at most 100 ms later, on a
// disk that is fast enough. The first error (disk full) is kept: everything afterwards gives it, and nothing
// more is written, so that what was written before stays readable. Its methods may be called from many goroutines.
type Writer struct {
	file File

	mu    sync.Mutex // buf, err, closed
	buf   []byte
	err   error
	ended bool

	out    sync.Mutex // held while writing, so that buffers go out in their order
	spare  []byte
	dirty  chan struct{}
	failed chan struct{}
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
	last   error // of Close
}

// Create makes a new history file; one that exists is never written over.
func Create(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the history: %w", err)
	}
	return NewWriter(f), nil
}

// NewWriter appends a history to a file, which it closes at the end.
func NewWriter(f File) *Writer {
	w := &Writer{
		file: f, dirty: make(chan struct{}, 1), failed: make(chan struct{}), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go w.syncer()
	return w
}

// Append writes one event. An error is about the file, now or earlier, and will not go away.
func (w *Writer) Append(op Op) error {
	w.mu.Lock()
	if err := w.usable(); err != nil {
		w.mu.Unlock()
		return err
	}
	w.buf = append(AppendJSON(w.buf, op), '\n')
	n := len(w.buf)
	w.mu.Unlock()
	select {
	case w.dirty <- struct{}{}:
	default:
	}
	if n >= bufferFull {
		return w.flush()
	}
	return nil
}

// usable gives the error of a Writer that takes no more; mu is held.
func (w *Writer) usable() error {
	if w.err == nil && w.ended {
		return ErrClosed
	}
	return w.err
}

// Sync returns when everything that was appended before is on the disk.
func (w *Writer) Sync() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return w.fail(err)
	}
	return nil
}

// Err gives the first error, nil while there was none.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Failed is closed at the first error.
func (w *Writer) Failed() <-chan struct{} { return w.failed }

// Close writes and syncs what is left and closes the file. Doing it twice is no error.
func (w *Writer) Close() error {
	w.once.Do(func() {
		close(w.stop)
		<-w.done
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
		err := w.Sync()
		if cerr := w.file.Close(); err == nil && cerr != nil {
			err = w.fail(cerr)
		}
		w.last = err
	})
	return w.last
}

// syncer brings to the disk what was appended.
func (w *Writer) syncer() {
	defer close(w.done)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-w.dirty:
		}
		select {
		case <-w.stop:
			return
		case <-pause.C:
		}
		pause.Reset(syncEvery)
		if w.Sync() != nil {
			return
		}
	}
}

// flush writes the buffer to the file.
func (w *Writer) flush() error {
	w.out.Lock()
	defer w.out.Unlock()
	w.mu.Lock()
	b, err := w.buf, w.err
	if err == nil {
		w.buf = w.spare[:0]
	}
	w.mu.Unlock()
	if err != nil {
		return err
	}
	if len(b) == 0 {
		w.spare = b
		return nil
	}
	n, err := w.file.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	w.spare = nil
	if cap(b) <= 4*bufferFull {
		w.spare = b[:0]
	}
	if err != nil {
		return w.fail(err)
	}
	return nil
}

// fail keeps the first error and gives it.
func (w *Writer) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("write the history: %w (what was written before is kept; make room, or choose another place with --store)", err)
		close(w.failed)
	}
	return w.err
}
