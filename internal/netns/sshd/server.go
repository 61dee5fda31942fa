package sshd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialLimit is how long a connection that is forwarded may take to be made: as long as a person would wait. A peer
// that is cut off answers nothing.
const dialLimit = 30 * time.Second

// Config is what a server needs.
type Config struct {
	HostKey ssh.Signer
	User    ssh.PublicKey // the only key that is let in; every user's name will do
	Shell   []string      // what runs a command line, which is put behind it: ["/bin/sh", "-c"]
	Env     []string      // of every command
	Dir     string        // where every command begins
	// Start starts a command; nil: its own Start. Whoever reaps the orphans of a process must know of its children.
	Start func(*exec.Cmd) error
}

// Server is a server of one listener.
type Server struct {
	cfg  Config
	ssh  *ssh.ServerConfig
	work sync.WaitGroup
}

// New makes a server.
func New(cfg Config) *Server {
	if cfg.Start == nil {
		cfg.Start = (*exec.Cmd).Start
	}
	user := cfg.User.Marshal()
	sc := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(k.Marshal(), user) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	sc.AddHostKey(cfg.HostKey)
	return &Server{cfg: cfg, ssh: sc}
}

// Serve serves connections until ctx ends or the listener fails, and comes back when every connection is gone.
// Commands that still run go on.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.work.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.work.Go(func() { s.serve(ctx, c) })
	}
}

func (s *Server) serve(ctx context.Context, raw net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { _ = raw.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	conn, chans, reqs, err := ssh.NewServerConn(raw, s.ssh)
	if err != nil {
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(reqs) }) // keep-alives are answered: no such request
	for nc := range chans {
		switch nc.ChannelType() {
		case "session":
			ch, reqs, err := nc.Accept()
			if err != nil {
				continue
			}
			s.work.Go(func() { s.session(ch, reqs) })
		case "direct-tcpip":
			s.work.Go(func() { s.forward(ctx, nc) })
		default:
			_ = nc.Reject(ssh.UnknownChannelType, "only sessions and forwarding")
		}
	}
	_ = conn.Wait()
}

// forward connects a channel with the address that it asks for, as this node reaches it.
func (s *Server) forward(ctx context.Context, nc ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if err := ssh.Unmarshal(nc.ExtraData(), &to); err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	d := net.Dialer{Timeout: dialLimit}
	out, err := d.DialContext(ctx, "tcp", net.JoinHostPort(to.Host, strconv.FormatUint(uint64(to.Port), 10)))
	if err != nil {
		_ = nc.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer func() { _ = out.Close() }()
	defer context.AfterFunc(ctx, func() { _ = out.Close() })()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	s.work.Go(func() { ssh.DiscardRequests(reqs) })
	s.work.Go(func() {
		_, _ = io.Copy(out, ch)
		if tcp, ok := out.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	})
	_, _ = io.Copy(ch, out) // ends when the far side does; the near side's end closes the channel and with it ch
	_ = ch.Close()
}
