package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"sync"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// callLimit bounds a request whose context has no deadline of its own.
	callLimit = 60 * time.Second
	// closeLimit is how long Close may take to undo.
	closeLimit = 20 * time.Second
)

// Options say how to speak to an agent.
type Options struct {
	// Node is the node's name; an agent that has another is refused.
	Node string
	// Dir is the agent's folder on the node, the one Install was given.
	Dir string
	// Holder is the controller's id, usually its run's. It holds the node: another is refused with ErrHeld. "" only
	// looks and heals, and never holds.
	Holder string
	// Lease is how long the agent waits for a word of the holder before it undoes everything; 0: DefaultLease.
	Lease time.Duration
}

// Client speaks to the agent of one node. It is safe for concurrent use.
type Client struct {
	opts  Options
	pipe  io.ReadWriteCloser
	hello Hello
	end   context.CancelFunc // ends the pipe
	out   chan []byte
	lost  chan struct{}
	wg    sync.WaitGroup

	mu      sync.Mutex
	next    int64
	waiting map[int64]chan answer
	err     error // why lost
	closing bool
}

// Connect speaks to the agent that Install started on a node, and keeps the lease alive until Close. ctx bounds
// connecting only. While another controller holds the node the error is ErrHeld and names that one.
func Connect(ctx context.Context, host Host, o Options) (*Client, error) {
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	pctx, end := context.WithCancel(context.WithoutCancel(ctx))
	pipe, err := host.Pipe(pctx, []string{binaryPath(o.Dir), "agent", "connect", "--dir", o.Dir})
	if err != nil {
		end()
		return nil, fmt.Errorf("%s: connect to the agent: %w", o.Node, err)
	}
	c := &Client{opts: o, pipe: pipe, end: end, out: make(chan []byte), lost: make(chan struct{}), waiting: map[int64]chan answer{}}
	c.wg.Go(c.read)
	c.wg.Go(c.write)
	c.hello, err = call[Hello](ctx, c, opHello, helloRequest{Protocol: Protocol, Holder: o.Holder, Lease: o.Lease})
	if err == nil && c.hello.Node != o.Node {
		err = fmt.Errorf("%s: connect to the agent: it says that it is on %s", o.Node, c.hello.Node)
	}
	if err != nil {
		c.fail(errClosed)
		c.wg.Wait()
		return nil, err
	}
	if o.Holder != "" {
		c.wg.Go(c.ping)
	}
	return c, nil
}

func binaryPath(dir string) string { return path.Join(dir, "partita") }

var errClosed = errors.New("the connection to the agent was closed")

// fail ends the connection; the first reason counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
	}
	c.mu.Unlock()
	if first {
		close(c.lost)
		_ = c.pipe.Close()
		c.end()
	}
}

// Lost is closed when the agent cannot be spoken to any more or its lease is over; Err says why.
func (c *Client) Lost() <-chan struct{} { return c.lost }

// Err is why the connection was lost; nil while it is there.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Hello is what the agent said of itself when it was connected to.
func (c *Client) Hello() Hello { return c.hello }

// Node is the node's name.
func (c *Client) Node() string { return c.opts.Node }

func (c *Client) read() {
	br := bufio.NewReader(c.pipe)
	for {
		line, err := readLine(br)
		if err != nil {
			c.fail(fmt.Errorf("the agent's connection broke: %w", err))
			return
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			c.fail(fmt.Errorf("read the agent's answer: %w", err))
			return
		}
		c.mu.Lock()
		w := c.waiting[a.ID]
		delete(c.waiting, a.ID)
		c.mu.Unlock()
		if w != nil {
			w <- a // it has room
		}
	}
}

func (c *Client) write() {
	for {
		select {
		case b := <-c.out:
			if _, err := c.pipe.Write(b); err != nil {
				c.fail(fmt.Errorf("the agent's connection broke: %w", err))
				return
			}
		case <-c.lost:
			return
		}
	}
}

// ping keeps the lease alive. A single word that is late is no loss; a whole lease without an answer is.
func (c *Client) ping() {
	t := time.NewTicker(c.opts.Lease / 4)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-c.lost:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), c.opts.Lease)
		_, err := call[struct{}](ctx, c, opPing, nil)
		cancel()
		c.mu.Lock()
		closing := c.closing
		c.mu.Unlock()
		if err != nil && !closing {
			c.fail(fmt.Errorf("keep the lease: %w", err))
			return
		}
	}
}

// call asks one thing.
func call[T any](ctx context.Context, c *Client, op string, body any) (v T, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: agent: %s: %w", c.opts.Node, op, err)
		}
	}()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callLimit)
		defer cancel()
	}
	q := request{Op: op}
	if body != nil {
		if q.Body, err = json.Marshal(body); err != nil {
			return v, err
		}
	}
	w := make(chan answer, 1)
	c.mu.Lock()
	c.next++
	q.ID = c.next
	c.waiting[q.ID] = w
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, q.ID)
		c.mu.Unlock()
	}()
	b, err := json.Marshal(q)
	if err != nil {
		return v, err
	}
	if len(b)+1 > MaxLine {
		return v, errLong
	}
	select {
	case c.out <- append(b, '\n'):
	case <-c.lost:
		return v, c.Err()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	var a answer
	select {
	case a = <-w:
	case <-c.lost:
		return v, c.Err()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	// What came with an error is kept: rules that were half set are evidence too.
	if len(a.Body) > 0 {
		if err := json.Unmarshal(a.Body, &v); err != nil {
			return v, fmt.Errorf("read the answer: %w", err)
		}
	}
	if a.Error != nil {
		return v, a.Error
	}
	return v, nil
}

// Rules makes drop the whole of what the node must not hear, over IPv4 and IPv6; nil takes Partita's rules and its
// chain away. It gives the rules that are set then, as iptables prints them: evidence to keep.
func (c *Client) Rules(ctx context.Context, drop []netip.Addr) (string, error) {
	a, err := call[rulesAnswer](ctx, c, opRules, rulesRequest{drop})
	return a.Rules, err
}

// Listen announces a round of probes to the hearing side.
func (c *Client) Listen(ctx context.Context, q ListenRequest) error {
	_, err := call[struct{}](ctx, c, opListen, q)
	return err
}

// Probe sends a round's probes from the node.
func (c *Client) Probe(ctx context.Context, q ProbeRequest) (ProbeAnswer, error) {
	return call[ProbeAnswer](ctx, c, opProbe, q)
}

// Heard says what the node heard in a round that was announced to it.
func (c *Client) Heard(ctx context.Context, q HeardRequest) ([]Heard, error) {
	a, err := call[heardAnswer](ctx, c, opHeard, q)
	return a.Heard, err
}

// Start starts a daemon in a session of its own; that it runs already is no error.
func (c *Client) Start(ctx context.Context, d cluster.Daemon) error {
	_, err := call[struct{}](ctx, c, opStart, d)
	return err
}

// Signal sends a signal to every process of a daemon and waits until it took effect: gone (KILL; TERM for at most
// 30 s), every thread stopped (STOP), none stopped (CONT). A daemon that does not run is no error.
func (c *Client) Signal(ctx context.Context, daemon string, sig cluster.Signal) error {
	_, err := call[struct{}](ctx, c, opSignal, signalRequest{daemon, sig})
	return err
}

// Status says how a daemon is.
func (c *Client) Status(ctx context.Context, daemon string) (cluster.Process, error) {
	return call[cluster.Process](ctx, c, opStatus, statusRequest{daemon})
}

// Undo takes every fault of the node away, as the end of the lease does: rules are removed, stopped daemons go on.
// Anybody may; when it is not the holder, that one's lease ends with it.
func (c *Client) Undo(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, opUndo, nil)
	return err
}

// Info says what the node is.
func (c *Client) Info(ctx context.Context) (Info, error) {
	return call[Info](ctx, c, opInfo, nil)
}

// Close ends the connection and gives the node free: after undoing everything, or at once when nothing stands.
// Without undo a fault that stands is undone when the lease runs out.
func (c *Client) Close(undo bool) error {
	c.mu.Lock()
	again := c.closing
	c.closing = true
	c.mu.Unlock()
	if again {
		return nil
	}
	var err error
	if c.opts.Holder != "" && c.Err() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		_, err = call[struct{}](ctx, c, opRelease, releaseRequest{undo})
		cancel()
	}
	c.fail(errClosed)
	c.wg.Wait()
	return err
}
