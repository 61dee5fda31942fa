package clienttest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/clients"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter is a peer that counts lines and echoes them.
func counter(t *testing.T) (addr string, effects func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				for s := bufio.NewScanner(c); s.Scan(); {
					n.Add(1)
					_, _ = fmt.Fprintln(c, s.Text())
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String(), func() int { return int(n.Load()) }
}

// line is a driver for the counter: one line for each operation. Each fault of it is one that real drivers had.
type line struct {
	node    cluster.Node
	retries bool // sends again after an error
	brazen  bool // says NotDone of everything
	timid   bool // says NotDone of nothing

	c net.Conn
}

func (l *line) Invoke(ctx context.Context, op history.Op) (history.Value, history.Value, error) {
	v, sent, err := l.once(ctx, op)
	if err != nil && l.retries {
		_ = l.Close()
		l.c = nil
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Deadline)
		defer cancel()
		v, sent, err = l.once(ctx, op)
	}
	if err != nil && (l.brazen || !sent && !l.timid) {
		err = clients.NotDone(err)
	}
	return v, "", err
}

func (l *line) once(ctx context.Context, op history.Op) (v history.Value, sent bool, err error) {
	if l.c == nil {
		if l.c, err = l.node.Dial(ctx, 1); err != nil {
			return "", false, err
		}
	}
	end, _ := ctx.Deadline()
	_ = l.c.SetDeadline(end)
	if _, err := fmt.Fprintln(l.c, op.Value); err != nil {
		return "", true, err
	}
	s, err := bufio.NewReader(l.c).ReadString('\n')
	return history.Value(strings.TrimSpace(s)), true, err
}

func (l *line) Close() error {
	if l.c == nil {
		return nil
	}
	return l.c.Close()
}

func trials(t *testing.T, make func(cluster.Node) *line) (wrong map[Failure]string) {
	t.Helper()
	addr, effects := counter(t)
	p := NewProxy(t, addr)
	wrong = map[Failure]string{}
	for _, tr := range Prove(t, Subject{
		Proxy:   p,
		Open:    func(context.Context) (clients.Conn, error) { return make(p.Node("n1")), nil },
		Op:      func(n int) history.Op { return history.Op{F: "write", Value: history.Int(int64(n))} },
		Effects: effects,
		Own: func(op history.Op, v, _ history.Value) error {
			if v != op.Value {
				return fmt.Errorf("%s instead of %s", v, op.Value)
			}
			return nil
		},
	}) {
		t.Logf("%-32s %d invoked, %d effects, NotDone %-5v %v", tr.Failure, tr.Invoked, tr.Effects, clients.IsNotDone(tr.Err), tr.Err)
		if err := tr.Judge(); err != nil {
			wrong[tr.Failure] = err.Error()
		}
	}
	return wrong
}

func TestAGoodDriverPasses(t *testing.T) {
	if wrong := trials(t, func(n cluster.Node) *line { return &line{node: n} }); len(wrong) > 0 {
		t.Errorf("%v", wrong)
	}
}

// Each way to be wrong is found, where it shows.
func TestBadDriversAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(cluster.Node) *line
		at   Failure
		says string
	}{
		{"one that sends again", func(n cluster.Node) *line { return &line{node: n, retries: true} }, Reset, "sent twice"},
		{"one that knows too much", func(n cluster.Node) *line { return &line{node: n, brazen: true} }, Silent, "NotDone, but the peer received it"},
		{"one that knows too little", func(n cluster.Node) *line { return &line{node: n, timid: true} }, Refused, "must be NotDone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if wrong := trials(t, c.make); !strings.Contains(wrong[c.at], c.says) {
				t.Errorf("%s: %q; want %q", c.at, wrong[c.at], c.says)
			}
		})
	}
}

// An answer that belongs to another operation is no answer.
func TestTheAnswerMustBeItsOwn(t *testing.T) {
	addr, _ := counter(t)
	p := &prover{t: t, Subject: Subject{
		Op:  func(int) history.Op { return history.Op{Value: "7"} },
		Own: func(_ history.Op, v, _ history.Value) error { return fmt.Errorf("%s is of the one before", v) },
	}}
	c := &line{node: NewProxy(t, addr).Node("n1")}
	if err := p.invoke(c, Patience); err == nil || !strings.Contains(err.Error(), "not its own: 7 is of") {
		t.Errorf("%v", err)
	}
	_ = c.Close()
}

// A trial in which nothing happened proves nothing.
func TestJudgeWantsARealFailure(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		tr   Trial
		says string
	}{
		{Trial{Failure: Reset, Invoked: 1, Effects: 0, Err: boom}, "not tried"},
		{Trial{Failure: Silent, Invoked: 1, Effects: 1}, "ended ok"},
		{Trial{Failure: Again, Invoked: 3, Effects: 0, Err: boom}, "does not recover"},
		{Trial{Failure: Late, Invoked: 1, Effects: 1, Err: boom, After: boom}, "next operation: boom"},
		{Trial{Failure: Refused, Invoked: 1, Effects: 1, Err: clients.NotDone(boom)}, "without effect"},
	} {
		if err := c.tr.Judge(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v; want %q", c.tr, err, c.says)
		}
	}
}
