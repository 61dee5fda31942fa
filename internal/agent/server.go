package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/cluster"
)

const (
	// maxAtOnce is how many requests of one connection are worked on at the same time; more have to wait.
	maxAtOnce = 32
	// requestLimit bounds every request, also when nobody waits for its answer any more.
	requestLimit = 45 * time.Second
	// writeLimit is how long an answer may take to be read before its reader counts as gone.
	writeLimit = 30 * time.Second
)

// server is the daemon's heart: what all connections share.
type server struct {
	node, sum string
	log       *slog.Logger
	lease     *lease
	firewall  *firewall
	hearer    *hearer
	prober    *prober
	daemons   *daemons
	port      int
	quit      func() // ends the agent
}

func newServer(ctx context.Context, o serveOptions, log *slog.Logger, quit func()) (*server, error) {
	s := &server{node: o.name, sum: o.sum, log: log, firewall: newFirewall(), port: o.port, quit: quit}
	var err error
	if s.daemons, err = newDaemons(filepath.Join(o.dir, "daemons"), log); err != nil {
		return nil, err
	}
	if s.hearer, err = newHearer(ctx, o.name, o.port, s.firewall.ipv6(), log); err != nil {
		return nil, err
	}
	s.prober = newProber(o.name)
	s.lease = newLease(filepath.Join(o.dir, "lease.json"), s.undo, log)
	return s, nil
}

// undo takes every fault away: rules are removed, stopped daemons go on. What was killed stays dead.
func (s *server) undo(ctx context.Context) error {
	_, err := s.firewall.set(ctx, nil)
	return errors.Join(err, s.daemons.resume(ctx))
}

// serve takes connections until ctx ends, then undoes everything.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.lease.run(ctx) })
	wg.Go(func() { s.keep(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	var failed error
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				failed = fmt.Errorf("accept a controller: %w", err)
			}
			break
		}
		wg.Go(func() { s.connection(ctx, c) })
	}
	cancel()
	wg.Wait()
	s.prober.close()
	s.hearer.close()
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer stop()
	return errors.Join(failed, s.lease.clear(ctx, 0))
}

// keep lets the old flows say something while somebody holds the node.
func (s *server) keep(ctx context.Context) {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if holder, _ := s.lease.held(); holder != "" {
				s.prober.keep()
			}
		case <-ctx.Done():
			return
		}
	}
}

// connection is one controller's. Its token is of the lease that its hello took.
type connection struct {
	s     *server
	c     net.Conn
	token atomic.Uint64
	mu    sync.Mutex // one answer at a time
}

func (s *server) connection(ctx context.Context, c net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	defer func() { _ = c.Close() }()
	co := &connection{s: s, c: c}
	var (
		br   = bufio.NewReader(c)
		room = make(chan struct{}, maxAtOnce)
		wg   sync.WaitGroup
	)
	for {
		line, err := readLine(br)
		if errors.Is(err, errLong) {
			co.answer(answer{Error: bad("read a request: %v", err)})
			continue
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				s.log.Warn("read from a controller", "err", err)
			}
			break
		}
		r, err := decodeRequest(line)
		if err != nil {
			co.answer(answer{ID: r.ID, Error: asError(err)})
			continue
		}
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			a := co.handle(ctx, r)
			co.answer(a)
			if r.Op == opQuit && a.Error == nil {
				s.quit() // after the answer, which it would cut off
			}
		})
	}
	// A controller that has said its last word still gets its answers.
	wg.Wait()
}

func (co *connection) answer(a answer) {
	b, err := json.Marshal(a)
	if err == nil && len(b)+1 > MaxLine {
		err = errors.New("the answer is longer than 1 MiB")
	}
	if err != nil {
		if b, err = json.Marshal(answer{ID: a.ID, Error: asError(fmt.Errorf("write an answer: %w", err))}); err != nil {
			return
		}
	}
	co.mu.Lock()
	defer co.mu.Unlock()
	err = co.c.SetWriteDeadline(time.Now().Add(writeLimit))
	if err == nil {
		_, err = co.c.Write(append(b, '\n'))
	}
	if err != nil {
		_ = co.c.Close()
	}
}

// handle does one request. A bug in it must not take the agent, and with it the lease, away.
func (co *connection) handle(ctx context.Context, r request) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			co.s.log.Error("a request panicked", "op", r.Op, "panic", p, "stack", string(debug.Stack()))
			a = answer{ID: r.ID, Error: &Error{CodeFailed, fmt.Sprintf("%s: the agent panicked: %v (see agent.log)", r.Op, p)}}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	a.ID = r.ID
	v, err := co.do(ctx, r)
	if v != nil { // also beside an error: rules that are half set are evidence
		b, e := json.Marshal(v)
		a.Body, err = b, errors.Join(err, e)
	}
	if err != nil {
		a.Error = asError(err)
	}
	return a
}

func (co *connection) do(ctx context.Context, r request) (any, error) {
	s, token := co.s, co.token.Load()
	alive := s.lease.renew(token) // every request of a controller renews its lease
	switch r.Op {
	case opHello:
		return co.hello(r)
	case opUndo:
		// Anybody may heal. Who does it to another's node ends that one's lease.
		var keep uint64
		if alive {
			keep = token
		}
		return nil, s.lease.clear(context.WithoutCancel(ctx), keep)
	case opInfo:
		return s.firewall.info(ctx), nil
	case opStatus:
		var q statusRequest
		if err := r.body(&q); err != nil {
			return nil, err
		}
		return s.daemons.status(q.Daemon)
	case opQuit:
		if holder, left := s.lease.held(); holder != "" && !alive {
			return nil, &Error{CodeHeld, fmt.Sprintf("end the agent: the node is held by %s for another %v", holder, left.Round(100*time.Millisecond))}
		}
		return nil, nil
	case opPing, opRules, opListen, opProbe, opHeard, opStart, opSignal, opRelease:
		if !alive {
			return nil, over()
		}
		return co.holding(ctx, r, token)
	}
	return nil, bad("%q is nothing that this agent can do", r.Op)
}

// holding does what only the lease's holder may.
func (co *connection) holding(ctx context.Context, r request, token uint64) (any, error) {
	s := co.s
	var (
		drop    rulesRequest
		listen  ListenRequest
		probe   ProbeRequest
		heard   HeardRequest
		daemon  cluster.Daemon
		signal  signalRequest
		release releaseRequest
	)
	body := map[string]any{opRules: &drop, opListen: &listen, opProbe: &probe, opHeard: &heard, opStart: &daemon, opSignal: &signal, opRelease: &release}[r.Op]
	if body != nil {
		if err := r.body(body); err != nil {
			return nil, err
		}
	}
	switch r.Op {
	case opRules:
		var a rulesAnswer
		err := s.lease.breaking(token, func() (err error) {
			// Not to be left half done when the controller goes away.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
			defer cancel()
			a.Rules, err = s.firewall.set(ctx, drop.Drop)
			return err
		})
		return a, err
	case opListen:
		return nil, s.hearer.listen(listen)
	case opProbe:
		return s.prober.probe(ctx, probe)
	case opHeard:
		return s.hearer.heard(ctx, heard)
	case opStart:
		return nil, s.daemons.start(ctx, daemon)
	case opSignal:
		if signal.Signal != cluster.SigStop {
			return nil, s.daemons.signal(ctx, signal.Daemon, signal.Signal)
		}
		return nil, s.lease.breaking(token, func() error { return s.daemons.signal(ctx, signal.Daemon, signal.Signal) })
	case opRelease:
		return nil, s.release(context.WithoutCancel(ctx), token, release.Undo)
	}
	return nil, nil // ping
}

// hello says who we are, and takes the lease for who says his name.
func (co *connection) hello(r request) (any, error) {
	var q helloRequest
	if err := r.body(&q); err != nil {
		return nil, err
	}
	if q.Protocol != Protocol {
		return nil, bad("the agent speaks protocol %d and the controller %d: install the agent again", Protocol, q.Protocol)
	}
	if q.Holder != "" {
		token, err := co.s.lease.take(q.Holder, q.Lease)
		if err != nil {
			return nil, err
		}
		co.token.Store(token)
	}
	holder, left := co.s.lease.held()
	return Hello{Protocol: Protocol, Node: co.s.node, PID: os.Getpid(), Sum: co.s.sum, Holder: holder, Left: left, Port: co.s.port}, nil
}

// release ends the lease of token: at once when undo takes everything away or nothing stands, else by running out.
func (s *server) release(ctx context.Context, token uint64, undo bool) error {
	if undo {
		if err := s.lease.clear(ctx, token); err != nil {
			return err
		}
	} else if s.firewall.standing(ctx) || s.daemons.paused() {
		return nil
	}
	s.lease.drop(token)
	return nil
}
