//go:build linux

package netns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wanted asks a hub for a connection.
type wanted struct {
	To    netip.AddrPort `json:"to"`
	Limit time.Duration  `json:"limit"`
}

// got is a hub's answer; the connection comes with it as a descriptor when there is one.
type got struct {
	Errno   int    `json:"errno,omitempty"`
	Timeout bool   `json:"timeout,omitempty"`
	Err     string `json:"err,omitempty"`
}

// maxDial bounds what a controller may ask for.
const maxDial = time.Minute

// handOut serves controllers until the hub is killed.
func handOut(l *net.UnixListener) error {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return fmt.Errorf("wait for controllers: %w", err)
		}
		go func() {
			handOne(c)
			_ = c.Close()
		}()
	}
}

// handOne makes one connection. A controller that goes away does not want it any more.
func handOne(c *net.UnixConn) {
	var w wanted
	if json.NewDecoder(io.LimitReader(c, 4096)).Decode(&w) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(max(w.Limit, time.Millisecond), maxDial))
	defer cancel()
	go func() { // ends when the controller's end is closed, at the latest with c
		_, _ = c.Read(make([]byte, 1))
		cancel()
	}()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", w.To.String())
	if err != nil {
		a := got{Err: err.Error()}
		var errno syscall.Errno
		var timeout net.Error
		if errors.As(err, &errno) {
			a.Errno = int(errno)
		} else if errors.As(err, &timeout) {
			a.Timeout = timeout.Timeout()
		}
		b, _ := json.Marshal(a) // plain data always marshals
		_, _ = c.Write(b)
		return
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = c.WriteMsgUnix([]byte("{}"), unix.UnixRights(int(fd)), nil)
	})
}

// dialHub connects to the hub whose socket is in dir.
func dialHub(ctx context.Context, dir string) (*net.UnixConn, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", viaFD(d, socketName))
	if err != nil {
		var errno syscall.Errno
		if errors.As(err, &errno) { // without the path, which says nothing
			err = fmt.Errorf("%s: %w", filepath.Join(dir, socketName), errno)
		}
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// dial makes a connection inside the namespaces of the hub in dir. Its errors are those of a dial of this process.
func dial(ctx context.Context, dir string, to netip.AddrPort) (net.Conn, error) {
	c, err := dialHub(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("reach the hub of the cluster: %w: is it still up? (`partita cluster ls`)", err)
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	w := wanted{To: to, Limit: maxDial}
	if t, ok := ctx.Deadline(); ok {
		w.Limit = min(maxDial, time.Until(t))
	}
	b, err := json.Marshal(w)
	if err == nil {
		_, err = c.Write(b)
	}
	var n, oobn int
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	if err == nil {
		n, oobn, _, _, err = c.ReadMsgUnix(buf, oob)
	}
	var fds []int
	if err == nil && oobn > 0 {
		fds, err = rights(oob[:oobn])
	}
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	switch {
	case ctx.Err() != nil:
		closeFDs(fds)
		return nil, failed(ctx.Err())
	case err != nil:
		closeFDs(fds)
		return nil, failed(fmt.Errorf("ask the hub: %w", err))
	case len(fds) == 1:
		return connOf(fds[0])
	}
	closeFDs(fds)
	var a got
	switch err := json.Unmarshal(buf[:n], &a); {
	case err != nil:
		return nil, failed(fmt.Errorf("read the hub's answer: %w", err))
	case a.Errno != 0:
		return nil, failed(os.NewSyscallError("connect", syscall.Errno(a.Errno)))
	case a.Timeout:
		return nil, failed(context.DeadlineExceeded)
	}
	return nil, failed(errors.New(a.Err))
}

func rights(oob []byte) ([]int, error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var fds []int
	for i := range msgs {
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			closeFDs(fds)
			return nil, err
		}
		fds = append(fds, got...)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fds, nil
}

func closeFDs(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// connOf makes a connection of a descriptor, which it takes.
func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "tcp")
	defer func() { _ = f.Close() }() // FileConn has a copy
	return net.FileConn(f)
}
