package sshd

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// session runs one command on a channel.
func (s *Server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	var running *command
	for r := range reqs {
		ok, begun := false, false
		switch r.Type {
		case "exec":
			var m struct{ Line string }
			if running == nil && ssh.Unmarshal(r.Payload, &m) == nil {
				var err error
				if running, err = s.start(m.Line); err == nil {
					ok, begun = true, true
				} else {
					_, _ = io.WriteString(ch.Stderr(), "start the command: "+err.Error()+"\n")
				}
			}
		case "signal":
			var m struct{ Name string }
			if running != nil && ssh.Unmarshal(r.Payload, &m) == nil {
				ok = running.signal(m.Name)
			}
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		switch {
		case begun: // after the reply: a quick command's end closes the channel
			s.work.Go(func() { running.carry(ch) })
		case r.Type == "exec" && running == nil:
			_ = ch.Close()
		}
	}
}

// command is a command that runs, with the near ends of its streams.
type command struct {
	cmd         *exec.Cmd
	in          *os.File
	out, errs   *os.File
	copied      sync.WaitGroup
	mu          sync.Mutex
	overAndGone bool // its process number may be another's
}

// start starts a command line. Its streams are pipes of ours and not os/exec's, whose Wait would wait for everybody
// who holds them.
func (s *Server) start(line string) (_ *command, err error) {
	args := append(append([]string{}, s.cfg.Shell...), line)
	c := &command{cmd: exec.Command(args[0], args[1:]...)}
	c.cmd.Env, c.cmd.Dir = s.cfg.Env, s.cfg.Dir
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var theirs, ours []*os.File
	defer func() {
		closeAll(theirs)
		if err != nil {
			closeAll(ours)
		}
	}()
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	in, near := pipe()
	c.in = near
	outR, outW := pipe()
	c.out = outR
	errR, errW := pipe()
	c.errs = errR
	theirs, ours = []*os.File{in, outW, errW}, []*os.File{near, outR, errR}
	if err != nil {
		return nil, err
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = in, outW, errW
	return c, s.cfg.Start(c.cmd)
}

func closeAll(fs []*os.File) {
	for _, f := range fs {
		_ = f.Close() // nil is an error too, and none that matters
	}
}

// carry carries the streams until the command ends, and says how it ended.
func (c *command) carry(ch ssh.Channel) {
	go func() { // ends with the channel, or with the command, whose end closes the pipe
		_, _ = io.Copy(c.in, ch)
		_ = c.in.Close()
	}()
	c.copied.Go(func() { _, _ = io.Copy(ch, c.out) })
	c.copied.Go(func() { _, _ = io.Copy(ch.Stderr(), c.errs) })
	state, err := c.cmd.Process.Wait()
	c.mu.Lock()
	c.overAndGone = true
	c.mu.Unlock()
	_ = c.in.Close()
	// What the command wrote is in the pipes by now. Whoever else holds them is not waited for.
	for _, f := range []*os.File{c.out, c.errs} {
		_ = f.SetReadDeadline(time.Unix(1, 0))
	}
	c.copied.Wait()
	rest(ch, c.out)
	rest(ch.Stderr(), c.errs)
	closeAll([]*os.File{c.out, c.errs})
	sayEnd(ch, state, err)
	_ = ch.Close()
}

// rest copies what is in a pipe, and no more.
func rest(w io.Writer, f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		n := 0
		err := raw.Control(func(fd uintptr) {
			for {
				if n, err = unix.Read(int(fd), buf); !errors.Is(err, unix.EINTR) {
					return
				}
			}
		})
		if err != nil || n <= 0 {
			return
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return
		}
	}
}

func sayEnd(ch ssh.Channel, state *os.ProcessState, err error) {
	if err != nil {
		_, _ = io.WriteString(ch.Stderr(), "wait for the command: "+err.Error()+"\n")
		return
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		name := unix.SignalName(w.Signal())
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name string
			Core bool
			Text string
			Lang string
		}{Name: trimSIG(name), Core: w.CoreDump()}))
		return
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(state.ExitCode())}))
}

func trimSIG(s string) string {
	if len(s) > 3 && s[:3] == "SIG" {
		return s[3:]
	}
	return s
}

// signal sends a signal to the command's whole process group.
func (c *command) signal(name string) bool {
	sig := unix.SignalNum("SIG" + name)
	if sig == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.overAndGone && syscall.Kill(-c.cmd.Process.Pid, sig) == nil
}
