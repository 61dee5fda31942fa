package sample

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

// Config is a store.
type Config struct {
	Nodes int // replicas, named n1, n2, …
	Seed  uint64
	Bug   string // the name of one of Bugs(); "" for none
	// Params are "accounts" (8) and "balance" (10) of a bank, "visibility" (1s) and "abandon" (20) of a queue.
	Params history.Params
}

// Store is replicas, the network between them and the heap of what is going to happen. It belongs to one goroutine.
type Store struct {
	now      time.Duration
	heap     heap
	clients  owner
	replicas []*replica
	net      network
	steps    steps
	seed     uint64
	sizes    sizes

	consumers map[int32]consumer // of the clients that read logs, by process
	find      func(object, f string) (spec, error)
}

// owner is somebody who makes things happen: a replica, or the clients. Each has draws and an order of its own, so that
// what is done to two replicas at one moment comes to the same, whichever is done first.
type owner struct {
	rng *rand.Rand
	key uint64 // grows with each event; the owner's number stands in its upper bits
}

// ownerBits is where the number of an owner stands in the key of an event.
const ownerBits = 48

func newOwner(seed, n uint64) owner {
	return owner{rng: rand.New(rand.NewPCG(seed, n)), key: n << ownerBits}
}

// between draws a time.
func (o *owner) between(from, to time.Duration) time.Duration {
	return from + time.Duration(o.rng.Int64N(int64((to-from)/time.Microsecond)+1))*time.Microsecond
}

// New makes a store whose replicas are not started.
func New(cfg Config) (*Store, error) {
	if cfg.Nodes < 1 || cfg.Nodes > 9 {
		return nil, fmt.Errorf("make a store of %d replicas: expected 1 to 9", cfg.Nodes)
	}
	st, err := stepsOf(cfg.Bug)
	if err != nil {
		return nil, err
	}
	accounts, err := cfg.Params.Int("accounts", 8)
	if err != nil {
		return nil, err
	}
	balance, err := cfg.Params.Int("balance", 10)
	if err != nil {
		return nil, err
	}
	if accounts < 1 || accounts > 1000 {
		return nil, fmt.Errorf("make a bank of %d accounts: expected 1 to 1000", accounts)
	}
	s := &Store{seed: cfg.Seed, sizes: sizes{accounts: accounts, balance: int64(balance)}, steps: st, clients: newOwner(cfg.Seed, 0), consumers: map[int32]consumer{}, find: specOf}
	if err := s.sizes.ofQueues(cfg.Params); err != nil {
		return nil, err
	}
	for i := range cfg.Nodes {
		s.replicas = append(s.replicas, newReplica(s, uint64(i+1), cfg.Nodes))
	}
	s.net.deaf = map[[2]uint64]bool{}
	return s, nil
}

// Now is the virtual time.
func (s *Store) Now() time.Duration { return s.now }

// after makes f happen in d.
func (s *Store) after(o *owner, d time.Duration, f func()) {
	o.key++
	s.heap.push(event{at: s.now + d, key: o.key, do: f})
}

// Next is when something happens next; false when nothing ever does.
func (s *Store) Next() (time.Duration, bool) {
	if len(s.heap) == 0 {
		return 0, false
	}
	return s.heap[0].at, true
}

// Step lets the next thing happen; false when nothing is left.
func (s *Store) Step() bool {
	if len(s.heap) == 0 {
		return false
	}
	e := s.heap.pop()
	s.now = max(s.now, e.at)
	e.do()
	return true
}

// RunUntil lets everything happen that is due, and moves the time to t.
func (s *Store) RunUntil(t time.Duration) {
	for len(s.heap) > 0 && s.heap[0].at <= t {
		s.Step()
	}
	s.now = max(s.now, t)
}

// replica gives a replica by its name.
func (s *Store) replica(name string) (*replica, error) {
	for _, r := range s.replicas {
		if r.name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("find replica %q: there is none of that name", name)
}

// Names lists the replicas.
func (s *Store) Names() []string {
	names := make([]string, len(s.replicas))
	for i, r := range s.replicas {
		names[i] = r.name
	}
	return names
}

// Cut makes edges the whole state of who does not hear whom.
func (s *Store) Cut(edges []cluster.Edge) error {
	deaf := map[[2]uint64]bool{}
	for _, e := range edges {
		from, err := s.replica(e.From)
		if err != nil {
			return err
		}
		to, err := s.replica(e.To)
		if err != nil {
			return err
		}
		deaf[[2]uint64{from.id, to.id}] = true
	}
	s.net.deaf = deaf
	return nil
}

// Kill ends a replica at once, and with it what its disk had not yet written.
func (s *Store) Kill(name string) error { return s.on(name, (*replica).kill) }

// Start starts a replica; one that runs stays as it is.
func (s *Store) Start(name string) error { return s.on(name, (*replica).start) }

// Stop ends a replica after its disk has written everything.
func (s *Store) Stop(name string) error { return s.on(name, (*replica).stop) }

// Pause makes a replica stand still.
func (s *Store) Pause(name string) error { return s.on(name, (*replica).pause) }

// Resume lets it go on.
func (s *Store) Resume(name string) error { return s.on(name, (*replica).resume) }

// Wipe empties the disk of a replica that does not run.
func (s *Store) Wipe(name string) error {
	return s.on(name, func(r *replica) {
		r.kill()
		r.disk = newDisk(len(s.replicas))
	})
}

func (s *Store) on(name string, f func(*replica)) error {
	r, err := s.replica(name)
	if err != nil {
		return err
	}
	f(r)
	return nil
}

// Primaries names the replicas that lead as far as they know themselves.
func (s *Store) Primaries() []string {
	var names []string
	for _, r := range s.replicas {
		if r.up && !r.paused && r.leads {
			names = append(names, r.name)
		}
	}
	return names
}

// Ready is nil when a replica serves: it runs, and knows who leads.
func (s *Store) Ready(name string) error {
	r, err := s.replica(name)
	switch {
	case err != nil:
		return err
	case !r.up:
		return errRefused
	case r.paused:
		return fmt.Errorf("ask %s: it does not answer", name)
	case r.lead == 0:
		return fmt.Errorf("ask %s: it knows of no leader", name)
	}
	return nil
}

// Crashes says how often replicas ended by themselves; those that never did are not there.
func (s *Store) Crashes() map[string]int {
	m := map[string]int{}
	for _, r := range s.replicas {
		if r.crashes > 0 {
			m[r.name] = r.crashes
		}
	}
	return m
}
