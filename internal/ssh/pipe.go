package ssh

import (
	"context"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Pipe starts a command and gives its stdin and stdout. It lives until Close, the command's end, or ctx's. A Read
// at the end of a command that failed gives its *cluster.ExitError instead of io.EOF.
func (c *Client) Pipe(ctx context.Context, args []string) (io.ReadWriteCloser, error) {
	s, err := c.open(ctx, args)
	if err != nil {
		return nil, err
	}
	p := &pipe{c: c, s: s, args: args, stderr: &tail{limit: 4 << 10}, ended: make(chan struct{})}
	s.Stderr = p.stderr
	if p.in, err = s.StdinPipe(); err == nil {
		p.out, err = s.StdoutPipe()
	}
	if err != nil {
		_ = s.Close()
		return nil, c.fail(args, err)
	}
	if err := c.start(ctx, s, args, "exec "); err != nil {
		return nil, err
	}
	c.spawn(func() { p.err = s.Wait(); close(p.ended) })
	// Not through Close, which looks at forget: ctx may be over before forget is set.
	p.forget = context.AfterFunc(ctx, p.end)
	return p, nil
}

type pipe struct {
	c      *Client
	s      *ssh.Session
	args   []string
	in     io.WriteCloser
	out    io.Reader
	stderr *tail
	ended  chan struct{}
	err    error       // how the command ended; after ended
	forget func() bool // ends the wait for ctx
	once   sync.Once
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err == io.EOF && n == 0 {
		<-p.ended
		if p.err != nil {
			return 0, p.c.exitError(p.args, p.err, p.stderr)
		}
	}
	return n, err
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.in.Write(b)
	if err != nil {
		err = p.c.fail(p.args, err)
	}
	return n, err
}

// Close tells the command that its input ended and closes the channel.
func (p *pipe) Close() error {
	p.forget()
	p.end()
	return nil
}

func (p *pipe) end() {
	p.once.Do(func() {
		_ = p.in.Close()
		_ = p.s.Close()
	})
}
