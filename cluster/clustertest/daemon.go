package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/partita-dev/partita/cluster"
)

type daemon struct {
	pid     int
	started time.Time
	done    chan struct{} // closed when it was reaped
}

// start runs the command in a session of its own. One locked thread starts it and waits for it, because
// Pdeathsig follows the thread that forked, not the process.
func start(d cluster.Daemon) (*daemon, error) {
	cmd := exec.Command(d.Args[0], d.Args[1:]...)
	cmd.Dir = d.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	for k, v := range d.Env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	cmd.Env = append(cmd.Env, "PATH="+os.Getenv("PATH"))
	if d.Log != "" {
		f, err := os.OpenFile(d.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		cmd.Stdout, cmd.Stderr = f, f
	}
	started := make(chan error)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ends is the test's business, not ours
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &daemon{pid: cmd.Process.Pid, started: time.Now(), done: done}, nil
}

func (p *daemon) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

var signals = map[cluster.Signal]syscall.Signal{
	cluster.SigKill: syscall.SIGKILL, cluster.SigTerm: syscall.SIGTERM,
	cluster.SigStop: syscall.SIGSTOP, cluster.SigCont: syscall.SIGCONT,
}

// send signals the daemon's group, and its children where they are: some servers' children lead groups of their own.
func (p *daemon) send(s cluster.Signal) {
	all := p.family()
	_ = syscall.Kill(-p.pid, signals[s]) // gone already: as wished, here and below
	for _, pid := range all[1:] {
		_ = syscall.Kill(pid, signals[s])
	}
}

// family lists the daemon and all that came from it.
func (p *daemon) family() []int {
	parents := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			var pid, parent int
			var state string
			if i := bytes.LastIndexByte(b, ')'); i > 0 {
				_, _ = fmt.Sscan(string(b[:bytes.IndexByte(b, ' ')]), &pid)
				if n, _ := fmt.Sscan(string(b[i+1:]), &state, &parent); n == 2 {
					parents[parent] = append(parents[parent], pid)
				}
			}
		}
	}
	all := []int{p.pid}
	for i := 0; i < len(all); i++ {
		all = append(all, parents[all[i]]...)
	}
	return all
}

func (p *daemon) signal(ctx context.Context, s cluster.Signal) error {
	p.send(s)
	if s == cluster.SigKill || s == cluster.SigTerm {
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of process %d: %w", p.pid, ctx.Err())
		}
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for p.stopped() != (s == cluster.SigStop) {
		select {
		case <-p.done:
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s of process %d: %w", s, p.pid, ctx.Err())
		}
	}
	return nil
}

// stopped reports whether every thread of every process is in state T.
func (p *daemon) stopped() bool {
	var files []string
	for _, pid := range p.family() {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		files = append(files, threads...)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // the thread ended in between
		}
		// pid (name, which may hold anything) state …
		if i := bytes.LastIndexByte(b, ')'); i < 0 || i+2 >= len(b) || b[i+2] != 'T' {
			return false
		}
	}
	return len(files) > 0
}
