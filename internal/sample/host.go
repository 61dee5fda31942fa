package sample

import (
	"sync"
	"time"
)

// Host is a store that others than its own goroutine may use: the nodes, the network and the clients of a cluster.
type Host struct {
	mu    sync.Mutex
	store *Store

	// of a host whose store follows the wall clock
	began time.Time
	woken chan struct{}
	stop  chan struct{}
	once  sync.Once
	done  chan struct{}
}

// NewHost is a host for a store that a World drives. It must be used where the World says.
func NewHost(s *Store) *Host { return &Host{store: s} }

// Follow is a host whose store's time is the wall clock's, until Close.
func Follow(s *Store) *Host {
	h := &Host{store: s, began: time.Now(), woken: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go h.follow()
	return h
}

// Close ends the store.
func (h *Host) Close() {
	if h.stop == nil {
		return
	}
	h.once.Do(func() { close(h.stop) })
	<-h.done
}

// do does something with the store at the present time.
func (h *Host) do(f func(*Store)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop == nil {
		f(h.store)
		return
	}
	h.store.RunUntil(time.Since(h.began))
	f(h.store)
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// follow lets happen what is due, and waits for what comes next.
func (h *Host) follow() {
	defer close(h.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		h.mu.Lock()
		h.store.RunUntil(time.Since(h.began))
		next, more := h.store.Next()
		h.mu.Unlock()
		wait := time.Hour
		if more {
			wait = next - time.Since(h.began)
		}
		timer.Reset(max(wait, 0))
		select {
		case <-timer.C:
		case <-h.woken:
		case <-h.stop:
			return
		}
	}
}
