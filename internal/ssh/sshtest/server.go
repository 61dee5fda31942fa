// Package sshtest is a small SSH server in the test's own process. It runs commands with the machine's own sh,
// so that quoting is judged by a real shell, and it can be made to hang.
package sshtest

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Server is a running server.
type Server struct {
	Addr string

	config   *ssh.ServerConfig
	listener net.Listener
	work     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
	hang     bool
}

// Start starts a server that shows host and lets user in. It ends with the test, whose goroutines are all gone then.
func Start(t testing.TB, host ssh.Signer, user ssh.PublicKey) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: l.Addr().String(), listener: l, conns: map[net.Conn]bool{}}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(user.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	s.config.AddHostKey(host)
	s.work.Go(s.accept)
	t.Cleanup(s.Close)
	return s
}

// Close breaks every connection and waits until all is gone.
func (s *Server) Close() {
	s.listener.Close()
	s.Break()
	s.work.Wait()
}

// Break closes every connection that there is.
func (s *Server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// Hang makes the server deaf: connections stay open, and nothing that arrives is answered any more.
func (s *Server) Hang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = true
}

// deaf is a connection whose Read gives nothing once the server hangs.
type deaf struct {
	net.Conn
	s *Server
}

func (d deaf) Read(p []byte) (int, error) {
	for {
		n, err := d.Conn.Read(p)
		d.s.mu.Lock()
		hang := d.s.hang
		d.s.mu.Unlock()
		if !hang || err != nil {
			return n, err
		}
	}
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.work.Go(func() { s.serve(c) })
	}
}

func (s *Server) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	conn, chans, reqs, err := ssh.NewServerConn(deaf{c, s}, s.config)
	if err != nil {
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(reqs) })
	for nc := range chans {
		if nc.ChannelType() != "session" {
			nc.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			break
		}
		s.work.Go(func() { s.session(ch, reqs) })
	}
	conn.Wait()
}

// session runs one command; a signal request, or the end of the channel, kills its process group.
func (s *Server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	var cmd *exec.Cmd
	var in io.WriteCloser
	for r := range reqs {
		var msg struct{ Text string }
		switch {
		case r.Type == "exec" && cmd == nil && ssh.Unmarshal(r.Payload, &msg) == nil:
			cmd = exec.Command("sh", "-c", msg.Text)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
			in, _ = cmd.StdinPipe()
			err := cmd.Start()
			r.Reply(err == nil, nil)
			if err != nil {
				ch.Close()
				continue
			}
			s.work.Go(func() { io.Copy(in, ch); in.Close() })
			s.work.Go(func() {
				cmd.Wait()
				exit(ch, cmd)
			})
		case r.Type == "signal" && cmd != nil && cmd.Process != nil:
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		case r.WantReply:
			r.Reply(false, nil)
		}
	}
	if cmd != nil && cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

func exit(ch ssh.Channel, cmd *exec.Cmd) {
	if w, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal string
			Core   bool
			Text   string
			Lang   string
		}{Signal: "KILL"}))
	} else {
		ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
	}
	ch.Close()
}
