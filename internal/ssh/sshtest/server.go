// Package sshtest is a small SSH server in the test's own process. It runs commands with the machine's own sh,
// so that quoting is judged by a real shell, and it can be made to hang. It
// forwards connections too.
package sshtest

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
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
	groups   []int // of the commands that were started
	hang     bool
	prohibit bool // forwarding
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
	_ = s.listener.Close()
	s.Break()
	s.mu.Lock()
	groups := s.groups
	s.mu.Unlock()
	for _, g := range groups {
		_ = syscall.Kill(-g, syscall.SIGKILL)
	}
	s.work.Wait()
}

// Break closes every connection that there is.
func (s *Server) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close()
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
		_ = c.Close()
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
		if nc.ChannelType() == "direct-tcpip" {
			s.work.Go(func() { s.forward(nc) })
			continue
		}
		if nc.ChannelType() != "session" {
			_ = nc.Reject(ssh.UnknownChannelType, "only sessions and forwarding")
			continue
		}
		ch, reqs, err := nc.Accept()
		if err != nil {
			break
		}
		s.work.Go(func() { s.session(ch, reqs) })
	}
	_ = conn.Wait()
}

// NoForwarding makes the server refuse to forward, as an sshd does that is told so.
func (s *Server) NoForwarding() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prohibit = true
}

// forward connects a channel to the address that it asks for.
func (s *Server) forward(nc ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	s.mu.Lock()
	prohibit := s.prohibit
	s.mu.Unlock()
	if prohibit {
		_ = nc.Reject(ssh.Prohibited, "open failed")
		return
	}
	if err := ssh.Unmarshal(nc.ExtraData(), &to); err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	out, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		_ = out.Close()
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(reqs) })
	s.work.Go(func() {
		_, _ = io.Copy(out, ch)
		_ = out.Close()
	})
	_, _ = io.Copy(ch, out)
	_ = ch.Close()
	_ = out.Close()
}

// session runs one command. As OpenSSH does in root's sessions, it takes no signals, and a command whose channel
// is closed goes on; what still runs is killed when the server closes.
func (s *Server) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	started := false
	for r := range reqs {
		var msg struct{ Text string }
		if r.Type != "exec" || started || ssh.Unmarshal(r.Payload, &msg) != nil {
			if r.WantReply {
				_ = r.Reply(false, nil)
			}
			continue
		}
		started = true
		cmd := exec.Command("sh", "-c", msg.Text)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		_ = r.Reply(err == nil, nil)
		if err != nil {
			_ = ch.Close()
			continue
		}
		s.mu.Lock()
		s.groups = append(s.groups, cmd.Process.Pid)
		s.mu.Unlock()
		s.work.Go(func() { _, _ = io.Copy(in, ch); _ = in.Close() })
		s.work.Go(func() {
			_ = cmd.Wait()
			exit(ch, cmd)
		})
	}
}

func exit(ch ssh.Channel, cmd *exec.Cmd) {
	if w, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal string
			Core   bool
			Text   string
			Lang   string
		}{Signal: "KILL"}))
	} else {
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(cmd.ProcessState.ExitCode())}))
	}
	_ = ch.Close()
}
