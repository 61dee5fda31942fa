package agent

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// termLimit is how long a daemon may take to end when it is asked to.
	termLimit = 30 * time.Second
	// effectLimit is how long the kernel may take to kill, stop or continue.
	effectLimit = 10 * time.Second
	// freezeLimit is how long a daemon may take to stop before it is killed.
	freezeLimit = time.Second
	// lookEvery is how often the effect of a signal is looked for.
	lookEvery = 5 * time.Millisecond
)

// alive gives the living processes of the daemon, its first one in front when that lives; known are others that
// were seen to be its before.
func (s *supervised) alive(known map[int]uint64) ([]process, error) {
	if s.record.PID == 0 {
		return nil, nil
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	ps := family(all, process{pid: s.record.PID, start: s.record.Start}, known)
	for i, p := range ps {
		if p.pid == s.record.PID {
			ps[0], ps[i] = ps[i], ps[0]
		}
	}
	return ps, nil
}

// signal sends sig to every process of the daemon and waits until it took effect. A daemon that does not run is no
// error.
func (d *daemons) signal(ctx context.Context, name string, sig cluster.Signal) error {
	if err := cluster.CheckName("daemon", name); err != nil {
		return bad("%v", err)
	}
	limit := effectLimit
	switch sig {
	case cluster.SigTerm:
		limit = termLimit
	case cluster.SigKill, cluster.SigStop, cluster.SigCont:
	default:
		return bad("send %q to %s: expected one of KILL TERM STOP CONT", sig, name)
	}
	s, ok := d.get(name)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	known := map[int]uint64{}
	if sig == cluster.SigKill {
		d.freeze(ctx, s, known)
	}
	if err := d.deliver(ctx, s, sig, known); err != nil {
		return fmt.Errorf("send %s to %s: %w", sig, name, err)
	}
	d.log.Info("signalled", "daemon", name, "signal", sig)
	return nil
}

// freeze stops the daemon before it is killed, so that all of it is known: a process that is made while its parent
// dies, and that leads a session of its own a moment later, would get away. What does not stop in time (one that
// waits for a disk) is killed all the same.
func (d *daemons) freeze(ctx context.Context, s *supervised, known map[int]uint64) {
	ctx, cancel := context.WithTimeout(ctx, freezeLimit)
	defer cancel()
	if err := d.deliver(ctx, s, cluster.SigStop, known); err != nil {
		d.log.Warn("stop a daemon before it is killed", "daemon", s.record.Daemon.Name, "err", err)
	}
}

// deliver sends and looks, again and again: a process can make another one between the two, so that what is seen
// must be seen twice. TERM is sent once to each, and followed by CONT, because what is stopped does not end.
// Processes that were seen to be the daemon's go to known, which may hold some before.
func (d *daemons) deliver(ctx context.Context, s *supervised, sig cluster.Signal, known map[int]uint64) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	before := false // the look before saw the effect
	for {
		alive, err := s.alive(known)
		if err != nil {
			return err
		}
		done, err := took(sig, alive)
		if err != nil {
			return err
		}
		if done && before {
			return s.reaped(ctx, alive)
		}
		before = done
		if len(alive) > 0 && (sig == cluster.SigKill || sig == cluster.SigTerm) {
			if err := d.ask(s); err != nil {
				return err
			}
		}
		for _, p := range alive {
			isNew := known[p.pid] != p.start
			known[p.pid] = p.start
			if done || sig == cluster.SigTerm && !isNew {
				continue
			}
			if err := send(p, sig); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it had no effect on processes %v: %w", pids(alive), ctx.Err())
		}
	}
}

// ask notes that the daemon ends because it was told to; s.mu is held.
func (d *daemons) ask(s *supervised) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.record.Asked {
		return nil
	}
	s.record.Asked = true
	return d.write(s.record)
}

// took says whether the signal has its effect on all of these processes.
func took(sig cluster.Signal, alive []process) (bool, error) {
	if sig == cluster.SigKill || sig == cluster.SigTerm || len(alive) == 0 {
		return len(alive) == 0, nil
	}
	all, stopped, err := threads(alive)
	if sig == cluster.SigStop {
		return all == stopped, err
	}
	return stopped == 0, err
}

// reaped waits until how the daemon ended is known, when it has ended and is our child.
func (s *supervised) reaped(ctx context.Context, alive []process) error {
	if s.child == nil || len(alive) > 0 {
		return nil
	}
	select {
	case <-s.child:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func send(p process, sig cluster.Signal) error {
	var sigs []syscall.Signal
	switch sig {
	case cluster.SigKill:
		sigs = []syscall.Signal{syscall.SIGKILL}
	case cluster.SigTerm:
		sigs = []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}
	case cluster.SigStop:
		sigs = []syscall.Signal{syscall.SIGSTOP}
	case cluster.SigCont:
		sigs = []syscall.Signal{syscall.SIGCONT}
	}
	for _, s := range sigs {
		if err := syscall.Kill(p.pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal process %d: %w", p.pid, err)
		}
	}
	return nil
}
