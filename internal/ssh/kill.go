package ssh

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// sayLeader makes the remote shell say its process id on a line of its own and then become the command.
//
// SSH has a signal request, but OpenSSH refuses it in root's sessions, and a command whose channel is closed
// goes on as long as it writes nothing. sshd starts each command in a session of its own, so that the id is
// the one of its process group too, and another channel can kill that.
const sayLeader = "echo $$; exec "

// killLimit bounds the killing of a command whose deadline is over.
const killLimit = 10 * time.Second

// leader takes the line of sayLeader off a command's output and passes the rest on.
type leader struct {
	w     io.Writer
	mu    sync.Mutex
	first []byte
	known bool // the line is over, or there was none
	pid   int  // 0: not known
}

func (l *leader) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known {
		return l.w.Write(p)
	}
	l.first = append(l.first, p...)
	i := bytes.IndexByte(l.first, '\n')
	if i < 0 && len(l.first) < 32 {
		return len(p), nil
	}
	return len(p), l.settle(i)
}

// settle looks at what came first: the id, or, from a shell that does not know $$, output like any other.
func (l *leader) settle(newline int) error {
	l.known = true
	rest := l.first
	if newline >= 0 {
		if pid, err := strconv.Atoi(string(rest[:newline])); err == nil && pid > 1 {
			l.pid, rest = pid, rest[newline+1:]
		}
	}
	l.first = nil
	if len(rest) == 0 {
		return nil
	}
	_, err := l.w.Write(rest)
	return err
}

// flush passes on what was held back when the output ended within its first line.
func (l *leader) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		_ = l.settle(-1) // the writer's error would have no reader: the command is over
	}
}

func (l *leader) group() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pid
}

// kill ends a command: its channel now, and its process group by another channel, which the caller does not
// wait for.
func (c *Client) kill(s *ssh.Session, l *leader) {
	_ = s.Signal(ssh.SIGKILL) // for servers that take it, before the command has said who it is
	_ = s.Close()
	pid := l.group()
	if pid == 0 {
		return
	}
	c.spawn(func() {
		ctx, cancel := context.WithTimeout(context.Background(), killLimit)
		defer cancel()
		args := []string{"sh", "-c", `kill -s KILL -- "-$1"`, "kill", strconv.Itoa(pid)}
		other, err := c.open(ctx, args)
		if err != nil {
			return // the connection is gone, and with it what can be done
		}
		defer func() { _ = other.Close() }()
		if c.start(ctx, other, args, "exec ") != nil {
			return
		}
		done := make(chan struct{})
		c.spawn(func() { _ = other.Wait(); close(done) }) // that it was gone already is no news
		select {
		case <-done:
		case <-ctx.Done():
		}
	})
}
