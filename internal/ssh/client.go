package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Errors of Dial and of calls on a connection that is gone.
var (
	// ErrUnreachable: nothing that speaks SSH answered. It may answer later.
	ErrUnreachable = errors.New("node cannot be reached over SSH")
	// ErrKey: the node refused the user's key.
	ErrKey = errors.New("SSH key refused")
	// ErrHostKey: the node's host key is not the pinned one.
	ErrHostKey = errors.New("SSH host key is not the pinned one")
	// ErrLost: the connection broke, or the peer stopped answering.
	ErrLost = errors.New("SSH connection lost")
)

// Config says where a node is and who may log in.
type Config struct {
	Node    string        // for errors
	Addr    string        // host:port, for errors, and dialled when Dial is nil
	User    string        // "" for root
	Signer  ssh.Signer    // the user's key
	HostKey ssh.PublicKey // the node's key, pinned; required
	Timeout time.Duration // for connecting and logging in; 0: 10 s
	// Dial connects to the node's SSH port; nil dials Addr by TCP.
	Dial func(context.Context) (net.Conn, error)
	// KeepAlive is how often the peer is asked whether it is there, and Silence how long it may take to answer
	// before the connection is given up. 0: 5 s and 20 s (a node on a busy machine starves for seconds).
	KeepAlive, Silence time.Duration
}

// Client is a connection to one node. Its methods may be called at the same time.
type Client struct {
	node string
	conn ssh.Conn
	ssh  *ssh.Client
	gone chan struct{} // closed when the connection is gone
	quit chan struct{} // closed by Close
	stop sync.Once
	work sync.WaitGroup

	mu     sync.Mutex
	closed bool // work is waited for: nothing is added to it any more
}

// Dial connects and logs in. The error wraps ErrUnreachable, ErrKey or ErrHostKey where it is one of these.
func Dial(ctx context.Context, c Config) (*Client, error) {
	if c.HostKey == nil {
		return nil, fmt.Errorf("log in to %s: no host key was given to pin", c.Node)
	}
	if c.Signer == nil {
		return nil, fmt.Errorf("log in to %s: no private key was given", c.Node)
	}
	c = c.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	raw, err := c.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("log in to %s at %s: %w: %w: is the node up, and does sshd run on it?", c.Node, c.Addr, ErrUnreachable, err)
	}
	// The handshake knows no context: closing the connection under it is what ends it.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	wrongHost := ""
	conn, chans, reqs, err := ssh.NewClientConn(raw, c.Addr, &ssh.ClientConfig{
		User: c.User,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(c.Signer)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if !bytes.Equal(key.Marshal(), c.HostKey.Marshal()) {
				wrongHost = ssh.FingerprintSHA256(key)
				return ErrHostKey
			}
			return nil
		},
		HostKeyAlgorithms: algorithms(c.HostKey),
	})
	if !stop() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, c.loginError(ctx, err, wrongHost)
	}
	cl := &Client{node: c.Node, conn: conn, ssh: ssh.NewClient(conn, chans, reqs), gone: make(chan struct{}), quit: make(chan struct{})}
	cl.work.Go(func() { _ = conn.Wait(); close(cl.gone) })
	cl.work.Go(func() { cl.keepAlive(c.KeepAlive, c.Silence) })
	return cl, nil
}

func (c Config) withDefaults() Config {
	if c.User == "" {
		c.User = "root"
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = 5 * time.Second
	}
	if c.Silence <= 0 {
		c.Silence = 20 * time.Second
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", c.Addr)
		}
	}
	return c
}

// algorithms asks for the pinned key's own kind, so that a host with several keys shows that one.
func algorithms(k ssh.PublicKey) []string {
	if k.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{k.Type()}
}

func (c Config) loginError(ctx context.Context, err error, wrongHost string) error {
	at := fmt.Sprintf("log in to %s at %s as %s", c.Node, c.Addr, c.User)
	switch text := err.Error(); {
	case wrongHost != "":
		return fmt.Errorf("%s: %w: expected %s, it showed %s: another machine answers at this address, or it was reinstalled: check it before you pin the new key",
			at, ErrHostKey, ssh.FingerprintSHA256(c.HostKey), wrongHost)
	case strings.Contains(text, "no common algorithm for host key"):
		return fmt.Errorf("%s: %w: expected a %s key, it has none: check that this is the right machine", at, ErrHostKey, c.HostKey.Type())
	case strings.Contains(text, "unable to authenticate"):
		return fmt.Errorf("%s: %w (%s): put this key into the user's authorized_keys, or give the right one", at, ErrKey, ssh.FingerprintSHA256(c.Signer.PublicKey()))
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w: connected, but no login within the time: %w: is the node overloaded or paused?", at, ErrUnreachable, context.Cause(ctx))
	default:
		return fmt.Errorf("%s: %w: %w: does sshd run there?", at, ErrUnreachable, err)
	}
}

// keepAlive asks the peer every so often whether it is there, and closes the connection when it is not: that
// is what ends every call that hangs on it.
func (c *Client) keepAlive(every, silence time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-c.quit:
			return
		case <-tick.C:
		}
		answered := make(chan struct{})
		c.spawn(func() {
			// Any answer will do, also "never heard of it". An error means that the connection is gone.
			_, _, _ = c.ssh.SendRequest("keepalive@openssh.com", true, nil)
			close(answered)
		})
		wait := time.NewTimer(silence)
		select {
		case <-answered:
		case <-wait.C:
			_ = c.conn.Close()
		}
		wait.Stop()
	}
}

// spawn runs f beside, so that Close waits for it. What begins after Close ends by itself at once, since the
// connection is closed.
func (c *Client) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		go f()
		return
	}
	c.work.Go(f)
}

// Node is the node's name.
func (c *Client) Node() string { return c.node }

// Lost is closed when the connection is gone: broken, given up, or closed.
func (c *Client) Lost() <-chan struct{} { return c.gone }

// Close ends the connection and every command that runs on it.
func (c *Client) Close() error {
	c.stop.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		close(c.quit)
		_ = c.conn.Close()
	})
	c.work.Wait()
	return nil
}
