//go:build linux

package netns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/partita-dev/partita/internal/netns/sshd"
	"github.com/partita-dev/partita/internal/remote"
	"github.com/partita-dev/partita/internal/ssh"
)

// agentDir is where the agent's folder is; its binary is there already.
const agentDir = remote.DefaultAgentDir

// nodeMain is a node's first process: it makes the node's own view of the machine, lets the controller log in, and
// reaps whatever ends.
func nodeMain(stdin io.Reader) error {
	ready := os.NewFile(readyFD, "ready")
	syscall.CloseOnExec(readyFD)
	in := newInit()
	defer in.stop()
	srv, l, err := nodeListen(stdin, in)
	said(ready, err)
	if err != nil {
		return err
	}
	return srv.Serve(context.Background(), l)
}

func nodeListen(stdin io.Reader, in *initd) (*sshd.Server, net.Listener, error) {
	var cfg nodeConfig
	if err := json.NewDecoder(stdin).Decode(&cfg); err != nil {
		return nil, nil, fmt.Errorf("read its configuration: %w", err)
	}
	if os.Getpid() != 1 {
		return nil, nil, errors.New("this is for Partita itself, which calls it in namespaces of its own")
	}
	if err := ownFiles(cfg); err != nil {
		return nil, nil, err
	}
	if err := syscall.Sethostname([]byte(cfg.Name)); err != nil {
		return nil, nil, fmt.Errorf("set its host name: %w", err)
	}
	if err := ownNetwork(cfg.Addrs); err != nil {
		return nil, nil, err
	}
	if err := limitFiles(); err != nil {
		return nil, nil, err
	}
	host, err := ssh.ParseKey([]byte(cfg.HostKey))
	if err != nil {
		return nil, nil, err
	}
	user, err := ssh.ParsePublic(cfg.Authorized)
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", ":"+strconv.Itoa(sshPort))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for SSH: %w", err)
	}
	go in.reap()
	return sshd.New(sshd.Config{
		HostKey: host.Signer, User: user, Shell: []string{"/bin/sh", "-c"}, Dir: "/root", Start: in.start,
		Env: []string{"PATH=" + cfg.Path, "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "LANG=C.UTF-8"},
	}), l, nil
}

// limitFiles bounds the open files of everything on the node, as a container's are.
func limitFiles() error {
	var r syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r)
	if err == nil {
		r.Max = min(r.Max, maxFiles)
		r.Cur = r.Max
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r)
	}
	if err != nil {
		return fmt.Errorf("bound the number of open files: %w", err)
	}
	return nil
}

// initd does what the first process of a world must: it reaps processes that lost their parents. Its own children are
// left to whoever started them.
type initd struct {
	ended chan os.Signal

	mu  sync.Mutex
	own map[int]bool
}

func newInit() *initd {
	in := &initd{ended: make(chan os.Signal, 1), own: map[int]bool{}}
	signal.Notify(in.ended, syscall.SIGCHLD)
	return in
}

func (in *initd) stop() {
	signal.Stop(in.ended)
	close(in.ended)
}

// start starts a child of our own. No orphan is reaped between its start and its number's being known.
func (in *initd) start(cmd *exec.Cmd) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	in.own[cmd.Process.Pid] = true
	return nil
}

// reap looks for dead orphans each time that a child ends.
func (in *initd) reap() {
	for range in.ended {
		in.mu.Lock()
		dirs, _ := filepath.Glob("/proc/[0-9]*")
		alive := map[int]bool{}
		for _, d := range dirs {
			pid, err := strconv.Atoi(filepath.Base(d))
			if err != nil {
				continue
			}
			alive[pid] = true
			if !in.own[pid] && orphan(d) {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
		for pid := range in.own {
			if !alive[pid] { // reaped by its owner: the number may be an orphan's one day
				delete(in.own, pid)
			}
		}
		in.mu.Unlock()
	}
}

// orphan says whether a process of /proc is dead and ours to reap.
func orphan(dir string) bool {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	return ok && len(f) > 1 && f[0] == "Z" && f[1] == "1"
}
