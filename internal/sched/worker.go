package sched

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// The pause before a worker whose connection failed gives its completion, so that a dead node does not flood the history.
const firstPause, longestPause = 50 * time.Millisecond, time.Second

// worker is one goroutine with one connection, which performs one operation after another.
type worker struct {
	g     *goroutines
	n     int
	tasks chan task
	gone  chan struct{} // closed when the scheduler waits for it no longer

	mu   sync.Mutex
	left bool // abandoned
	over bool // ended

	conn  clients.Conn
	pause time.Duration
}

func newWorker(g *goroutines, n int) *worker {
	return &worker{g: g, n: n, tasks: make(chan task, 1), gone: make(chan struct{})}
}

// abandon lets go of the worker: close does not wait for it, and it is counted until it ends.
func (w *worker) abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.gone)
	if !w.over {
		w.left = true
		w.g.left.Add(1)
		w.g.wg.Done()
	}
}

// end is the other way in which a worker ends.
func (w *worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.left {
		w.g.left.Add(-1)
	} else {
		w.g.wg.Done()
	}
}

func (w *worker) loop() {
	defer w.end()
	defer w.drop()
	for {
		select {
		case <-w.g.base.Done():
			return
		case <-w.gone:
			return
		case t := <-w.tasks:
			op := w.do(t.op)
			select {
			case w.g.answers <- answer{w.n, t.seq, op}:
			case <-w.gone:
				return
			case <-w.g.base.Done():
				return
			}
		}
	}
}

// do performs an operation and says how it ended.
func (w *worker) do(op history.Op) history.Op {
	began := time.Now()
	if w.conn == nil {
		if err := w.open(op.Process); err != nil {
			op.Type, op.Err, op.Took = history.Fail, history.Err{Code: clients.CodeConnect, Text: err.Error()}, time.Since(began)
			w.rest(began)
			return op
		}
	}
	select {
	case <-w.gone: // the connection took so long that nobody waits any more: better not to send it
		return op
	default:
	}
	sent := time.Now()
	value, ext, err := w.invoke(op)
	op.Took = time.Since(sent)
	if err == nil && (!value.Valid() || !ext.Valid()) {
		err = clients.Coded("bad-value", fmt.Errorf("the driver answered what is not JSON: %.100q, %.100q", string(value), string(ext)))
	}
	op.Err = clients.ErrorOf(err)
	switch {
	case err == nil:
		op.Type, op.Value, op.Ext = history.OK, value, ext
		w.pause = 0
		return op
	case clients.IsNotDone(err):
		op.Type = history.Fail
		if op.Err.Code != clients.CodeConnect && op.Err.Code != clients.CodeUnreachable {
			w.pause = 0
			return op
		}
	default:
		// The connection may still bring this operation's answer: no other operation may ever be on it.
		w.drop()
		op.Type = history.Info
		if w.g.specs[op.F].ReadOnly {
			op.Type = history.Fail
		} else if !value.IsNil() && value.Valid() {
			op.Value = value // what the client had in its hands before it lost sight of the rest
		}
	}
	w.rest(began)
	return op
}

// open makes the connection of a process.
func (w *worker) open(process int32) (err error) {
	defer func() {
		if p := recover(); p != nil {
			w.g.cfg.Log.Error("a driver panicked while connecting", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the driver panicked: %v", p)
		}
	}()
	ctx, cancel := context.WithTimeout(w.g.base, w.g.cfg.DialTimeout)
	defer cancel()
	w.conn, err = w.g.cfg.Driver.Open(ctx, w.g.cfg.Cluster, w.g.cfg.clusterNode(w.n), process)
	return err
}

// invoke performs the operation within its time; a panic is an error.
func (w *worker) invoke(op history.Op) (value, ext history.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.g.cfg.Log.Error("a client panicked", "f", op.F, "panic", p, "stack", string(debug.Stack()))
			err = clients.Coded("panic", fmt.Errorf("the client panicked: %v", p))
		}
	}()
	ctx, cancel := context.WithTimeout(w.g.base, w.g.cfg.OpTimeout)
	defer cancel()
	return w.conn.Invoke(ctx, op)
}

// drop closes the connection.
func (w *worker) drop() {
	if w.conn == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			w.g.cfg.Log.Error("a client panicked while closing", "panic", p)
		}
		w.conn = nil
	}()
	if err := w.conn.Close(); err != nil {
		w.g.cfg.Log.Debug("close a client", "error", err)
	}
}

// rest waits until the pause has passed since the operation began, longer each time.
func (w *worker) rest(began time.Time) {
	w.pause = min(max(2*w.pause, firstPause), longestPause, w.g.cfg.OpTimeout)
	t := time.NewTimer(w.pause - time.Since(began))
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.gone:
	case <-w.g.base.Done():
	}
}
