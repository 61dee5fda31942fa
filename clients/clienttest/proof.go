package clienttest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/history"
)

// Deadline is what an operation gets that is to run into it; Patience what everything else gets, which on a
// good day takes milliseconds.
const (
	Deadline = time.Second
	Patience = 30 * time.Second
)

// Subject is a driver in front of a peer that counts.
type Subject struct {
	Proxy *Proxy
	// Open connects through the proxy.
	Open func(context.Context) (clients.Conn, error)
	// Op gives the nth operation: an effect, the same kind each time.
	Op func(n int) history.Op
	// Effects says how many effects the peer received so far, whatever became of them.
	Effects func() int
	// Own says what is wrong with an answer that is not the operation's own; nil does not look.
	Own func(op history.Op, value, ext history.Value) error
}

// Failure is one way in which the peer misbehaves.
type Failure string

// The failures of a proof.
const (
	Refused Failure = "connection refused"
	Again   Failure = "accepted again after a refusal"
	Reset   Failure = "reset before the answer"
	Silent  Failure = "no answer"
	Late    Failure = "answer after the deadline"
)

// Trial is what came of one failure.
type Trial struct {
	Failure Failure
	Invoked int   // operations under the failure
	Effects int   // effects that the peer received for them
	Err     error // of the operation that met the failure
	After   error // what was wrong with the next one, on a new connection
}

// Judge says what is wrong with a trial, nil when nothing is.
func (tr Trial) Judge() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if tr.Effects > tr.Invoked {
		wrong("%d effects for %d operations: something is sent twice", tr.Effects, tr.Invoked)
	}
	notDone := clients.IsNotDone(tr.Err)
	switch {
	case tr.Failure == Again:
		if tr.Err != nil || tr.Effects == 0 {
			wrong("the connection does not recover: %d effects, %v", tr.Effects, tr.Err)
		}
	case tr.Err == nil:
		wrong("the operation ended ok")
	case tr.Failure == Refused && (!notDone || tr.Effects != 0):
		wrong("a refused connection must be NotDone and without effect: %d effects, %w", tr.Effects, tr.Err)
	case tr.Failure != Refused && tr.Effects == 0:
		wrong("the peer received nothing, so the failure was not tried: %w", tr.Err)
	case tr.Failure != Refused && notDone:
		wrong("NotDone, but the peer received it: %w", tr.Err)
	}
	if tr.After != nil {
		wrong("the next operation: %w", tr.After)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", tr.Failure, errors.Join(errs...))
}

// Prove tries every failure once.
func Prove(t testing.TB, s Subject) []Trial {
	t.Helper()
	p := &prover{t: t, Subject: s}
	return []Trial{p.refused(), p.again(), p.held(Reset), p.held(Silent), p.held(Late)}
}

type prover struct {
	Subject
	t testing.TB
	n int
}

// invoke performs the next operation and looks whether a good answer is its own.
func (p *prover) invoke(c clients.Conn, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	op := p.Op(p.n)
	p.n++
	value, ext, err := c.Invoke(ctx, op)
	if err == nil && p.Own != nil {
		if err := p.Own(op, value, ext); err != nil {
			return fmt.Errorf("the answer is not its own: %w", err)
		}
	}
	return err
}

func (p *prover) open() clients.Conn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), Patience)
	defer cancel()
	c, err := p.Open(ctx)
	if err != nil {
		p.t.Fatalf("open a connection: %v", err)
	}
	return c
}

// closed closes a connection, as the caller of a driver does after an error, and waits until all that it sent
// went through the proxy.
func (p *prover) closed(c clients.Conn) {
	p.t.Helper()
	_ = c.Close() // the connection is broken: it may say so
	p.wait("the proxy has no connection", func() bool { return p.Proxy.Links() == 0 })
}

func (p *prover) wait(what string, cond func() bool) {
	p.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(Patience)
	defer end.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-end.C:
			p.t.Fatalf("not within %v: %s", Patience, what)
		}
	}
}

// refused: nobody listens. A driver that connects when it is opened may say so there.
func (p *prover) refused() Trial {
	p.t.Helper()
	tr := Trial{Failure: Refused, Invoked: 1}
	before := p.Effects()
	p.Proxy.Refuse()
	defer p.Proxy.Accept()
	ctx, cancel := context.WithTimeout(p.t.Context(), Patience)
	defer cancel()
	c, err := p.Open(ctx)
	if err != nil {
		tr.Err = clients.NotDone(fmt.Errorf("open: %w", err))
		return tr
	}
	tr.Err = p.invoke(c, Deadline)
	p.closed(c)
	tr.Effects = p.Effects() - before
	return tr
}

// again: the same connection is used before and after the peer comes up, as after a NotDone.
func (p *prover) again() Trial {
	p.t.Helper()
	tr := Trial{Failure: Again}
	before := p.Effects()
	p.Proxy.Refuse()
	ctx, cancel := context.WithTimeout(p.t.Context(), Patience)
	defer cancel()
	c, err := p.Open(ctx)
	if err != nil { // this driver connects when it is opened
		p.Proxy.Accept()
		c = p.open()
	} else {
		tr.Invoked, tr.Err = 1, p.invoke(c, Deadline)
		p.Proxy.Accept()
	}
	p.wait("an operation succeeds", func() bool {
		tr.Invoked++
		tr.Err = p.invoke(c, Patience)
		return tr.Err == nil || !clients.IsNotDone(tr.Err)
	})
	p.closed(c)
	tr.Effects = p.Effects() - before
	return tr
}

// held: the request passes, the answer does not. Then the connection is reset, or the deadline comes; and then
// perhaps the answer, while the next operation is on its way.
func (p *prover) held(f Failure) Trial {
	p.t.Helper()
	tr := Trial{Failure: f, Invoked: 1}
	c := p.open()
	if err := p.invoke(c, Patience); err != nil {
		p.t.Fatalf("warm up: %v", err)
	}
	before := p.Effects()
	p.Proxy.Hold()
	if f == Reset {
		done := make(chan error, 1)
		go func() { done <- p.invoke(c, Patience) }()
		p.wait("the peer received the operation", func() bool { return p.Effects() > before })
		p.Proxy.Reset()
		tr.Err = <-done
	} else {
		tr.Err = p.invoke(c, Deadline)
	}
	if f == Late {
		p.Proxy.Release()
	}
	p.closed(c)
	tr.Effects = p.Effects() - before
	next := p.open()
	tr.After = p.invoke(next, Patience)
	p.closed(next)
	return tr
}
