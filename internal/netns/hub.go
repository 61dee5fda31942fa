//go:build linux

package netns

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// worlds are the namespaces that the hub and each node have of their own.
const worlds = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// hubMain is the hub: it makes the bridge and the nodes, says so, and hands out connections until it is killed.
func hubMain(stdin io.Reader) error {
	ready := os.NewFile(readyFD, "ready")
	syscall.CloseOnExec(readyFD)
	l, err := hubUp(stdin)
	said(ready, err)
	if err != nil {
		return err
	}
	return handOut(l)
}

func hubUp(stdin io.Reader) (*net.UnixListener, error) {
	var cfg hubConfig
	if err := json.NewDecoder(stdin).Decode(&cfg); err != nil {
		return nil, fmt.Errorf("read the hub's configuration: %w", err)
	}
	if os.Getpid() != 1 {
		return nil, errors.New("this is for Partita itself, which calls it in namespaces of its own")
	}
	// Mounts of ours must not be seen outside, nor the host's later ones inside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("make the mounts private: %w", err)
	}
	if err := mountProc(); err != nil {
		return nil, err
	}
	if err := makeBridge(); err != nil {
		return nil, err
	}
	l, err := listenIn(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("listen for controllers: %w", err)
	}
	errs := make([]error, len(cfg.Nodes))
	var wg sync.WaitGroup
	for i, n := range cfg.Nodes {
		wg.Go(func() {
			if errs[i] = nodeUp(n, i); errs[i] != nil {
				errs[i] = fmt.Errorf("make node %s: %w", n.Name, errs[i])
			}
		})
	}
	wg.Wait()
	return l, errors.Join(errs...)
}

// nodeUp starts a node and connects it with the bridge.
func nodeUp(n nodeConfig, i int) error {
	ready, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = ready.Close() }()
	cmd := exec.Command("/proc/self/exe", Command, "node")
	cmd.Stderr, cmd.ExtraFiles, cmd.Dir = os.Stderr, []*os.File{theirs}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: worlds, Setsid: true}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	_ = theirs.Close()
	if err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // a node that ends is found out by whoever wants to reach it
	if err := makeLink(i, cmd.Process.Pid); err != nil {
		_ = stdin.Close()
		return err
	}
	if err := tell(stdin, n); err != nil {
		return errors.Join(err, heard(ready))
	}
	return heard(ready)
}

// socketName is the hub's socket in the cluster's folder.
const socketName = "hub.sock"

// listenIn listens on the hub's socket. The folder's path may be longer than a socket's may be: it is reached through
// an open descriptor.
func listenIn(dir string) (*net.UnixListener, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = d.Close() }()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: viaFD(d, socketName), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	return l, nil
}

// viaFD is a short path of a file in an open folder.
func viaFD(d *os.File, name string) string {
	return filepath.Join(fmt.Sprintf("/proc/self/fd/%d", d.Fd()), name)
}
