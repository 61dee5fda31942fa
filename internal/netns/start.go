//go:build linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// upLimit is how long a hub may take until all its nodes listen.
const upLimit = 30 * time.Second

// systemPath is where a node looks for commands: where a Debian host has them, whoever is the user.
const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// child is a hub that this process started.
type child struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it and everything in its world has ended
}

// startHub starts the hub of a cluster and comes back when every node listens. With leave it outlives this process.
func startHub(ctx context.Context, binary string, cfg hubConfig, leave bool) (_ *child, err error) {
	log, err := os.OpenFile(filepath.Join(cfg.Dir, "hub.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the hub's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	ready, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	defer func() { _ = ready.Close() }()
	cmd := exec.Command(binary, Command, "hub")
	cmd.Stderr, cmd.ExtraFiles, cmd.Dir, cmd.Env = log, []*os.File{theirs}, "/", []string{"PATH=" + systemPath}
	cmd.SysProcAttr = worldAttr()
	if leave {
		cmd.SysProcAttr.Pdeathsig = 0
	}
	stdin, err := cmd.StdinPipe()
	c := &child{cmd: cmd, gone: make(chan struct{})}
	if err == nil {
		err = c.start()
	}
	_ = theirs.Close()
	if err != nil {
		if hint := forbidden(); hint != "" {
			err = fmt.Errorf("%w: %s", err, hint)
		}
		return nil, fmt.Errorf("start the hub: %w: %w", ErrCannot, err)
	}
	defer func() {
		if err != nil {
			c.kill()
		}
	}()
	if err := tell(stdin, cfg); err != nil {
		return nil, fmt.Errorf("configure the hub: %w: %s", err, lastOf(log.Name()))
	}
	limit := time.Now().Add(upLimit)
	if t, ok := ctx.Deadline(); ok && t.Before(limit) {
		limit = t
	}
	_ = ready.SetReadDeadline(limit)
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	switch err := heard(ready); {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("wait for the nodes: %w", ctx.Err())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("wait for the nodes: they do not listen after %s: %s", upLimit, lastOf(log.Name()))
	case err != nil:
		return nil, fmt.Errorf("bring up the nodes: %w: %s", err, lastOf(log.Name()))
	}
	return c, nil
}

// start starts the hub on a thread that lives as long as it does: the parent-death signal comes when the thread ends
// that made the process, not when the process does.
func (c *child) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // that it was killed is how it always ends
		}
		close(c.gone)
	}()
	return <-started
}

// kill ends the hub and its whole world, and comes back when that is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.gone
}

// killHub ends the hub whose socket is in dir, whoever started it, and waits until its world is gone. That there is
// none is no error.
func killHub(ctx context.Context, dir string) error {
	c, err := dialHub(ctx, dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the hub: %w", err)
	}
	defer func() { _ = c.Close() }()
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if credErr != nil {
		return fmt.Errorf("find the hub's process: %w", credErr)
	}
	if cred.Pid <= 1 {
		return fmt.Errorf("find the hub's process: number %d cannot be it: is it seen from another container?", cred.Pid)
	}
	pidfd, err := unix.PidfdOpen(int(cred.Pid), 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("end the hub: %w", err)
	}
	defer func() { _ = unix.Close(pidfd) }()
	// The number was the hub's when it began to listen. It still listens, so it still is.
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end the hub: %w", err)
	}
	for {
		ms := int((100 * time.Millisecond).Milliseconds())
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, ms)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the hub's end: %w", err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for the hub's end: %w", ctx.Err())
		}
	}
}

// hubAnswers says whether the hub whose socket is in dir is there.
func hubAnswers(ctx context.Context, dir string) bool {
	c, err := dialHub(ctx, dir)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// lastOf is the end of a log, for an error.
func lastOf(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	s := strings.Join(strings.Fields(string(b)), " ")
	return s[max(0, len(s)-500):]
}
