package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// pretend runs an agent inside the test, whose iptables is in memory, and gives a Host that leads to it.
func pretend(t *testing.T, name string) (*pretended, *table) {
	t.Helper()
	tab := newTable()
	ctx, quit := context.WithCancel(context.Background())
	dir := t.TempDir()
	s, err := newServer(ctx, serveOptions{dir: dir, name: name}, quiet(), quit)
	if err != nil {
		t.Fatal(err)
	}
	s.firewall.run = tab.run
	s.port = s.hearer.udp[family4].LocalAddr().(*net.UDPAddr).Port
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		quit()
		wg.Wait()
	})
	return &pretended{s, l.Addr().String()}, tab
}

type pretended struct {
	s    *server
	path string
}

func (p *pretended) Exec(context.Context, cluster.Cmd) (cluster.Output, error) {
	return cluster.Output{}, errors.ErrUnsupported
}

func (p *pretended) Put(context.Context, string, io.Reader, fs.FileMode) error {
	return errors.ErrUnsupported
}

func (p *pretended) Pipe(ctx context.Context, _ []string) (io.ReadWriteCloser, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", p.path)
}

func (p *pretended) connect(t *testing.T, holder string, lease time.Duration) *Client {
	t.Helper()
	c, err := Connect(t.Context(), p, Options{Node: p.s.node, Holder: holder, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(false) })
	return c
}

// raw speaks lines to the agent and reads what it answers.
func (p *pretended) raw(t *testing.T) (say func(string) answer) {
	t.Helper()
	c, err := net.Dial("unix", p.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	return func(line string) (a answer) {
		t.Helper()
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			t.Fatal(err)
		}
		b, err := readLine(br)
		if err == nil {
			err = json.Unmarshal(b, &a)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func TestBadLinesAreAnswered(t *testing.T) {
	p, _ := pretend(t, "n1")
	say := p.raw(t)
	for _, c := range []struct {
		line string
		id   int64
		code Code
	}{
		{"", 0, CodeBad},
		{"not json", 0, CodeBad},
		{`{"id":-1,"op":"ping"}`, 0, CodeBad},
		{`{"id":3}`, 3, CodeBad},
		{`{"id":4,"op":"ping"} {}`, 4, CodeBad},
		{`{"id":5,"op":"format-disk"}`, 5, CodeBad},
		{`{"id":6,"op":"ping"}`, 6, CodeLease},
		{`{"id":7,"op":"hello","body":{"protocol":99}}`, 7, CodeBad},
		{`{"id":8,"op":"hello","body":[]}`, 8, CodeBad},
		{`{"id":9,"op":"hello","body":{"protocol":1,"holder":"a b"}}`, 9, CodeBad},
		{`{"id":10,"op":"` + strings.Repeat("x", MaxLine) + `"}`, 0, CodeBad},
		{strings.Repeat("[", MaxLine-1), 0, CodeBad},
		{`{"id":11,"op":"status","body":{"daemon":"../../etc/passwd"}}`, 11, CodeBad},
	} {
		a := say(c.line)
		if a.ID != c.id || a.Error == nil || a.Error.Code != c.code {
			t.Errorf("%.60q: %+v %+v, expected id %d, %s", c.line, a, a.Error, c.id, c.code)
		}
	}
	// The connection still works, and what is bad inside a good request is refused too.
	if a := say(`{"id":12,"op":"hello","body":{"protocol":1,"holder":"run-1"}}`); a.Error != nil {
		t.Fatalf("%+v", a.Error)
	}
	for _, line := range []string{
		`{"id":20,"op":"rules","body":{"drop":["127.0.0.1"]}}`,
		`{"id":21,"op":"rules","body":{"drop":["example.org; rm -rf /"]}}`,
		`{"id":22,"op":"probe","body":{"cluster":"c","round":"r","count":1000000,"peers":[{"name":"n2","addrs":["10.0.0.1"]}]}}`,
		`{"id":23,"op":"probe","body":{"cluster":"c","round":"r","count":5,"peers":[{"name":"n2","addrs":[]}]}}`,
		`{"id":24,"op":"listen","body":{"cluster":"c d","round":"r","from":["n2"]}}`,
		`{"id":25,"op":"signal","body":{"daemon":"db","signal":"HUP"}}`,
		`{"id":26,"op":"start","body":{"name":"db","args":[]}}`,
	} {
		if a := say(line); a.Error == nil || a.Error.Code != CodeBad {
			t.Errorf("%s: %+v", line, a.Error)
		}
	}
	if a := say(`{"id":30,"op":"ping"}`); a.Error != nil {
		t.Errorf("%+v", a.Error)
	}
}

func TestABugInARequestDoesNotTakeTheAgentAway(t *testing.T) {
	p, _ := pretend(t, "n1")
	say := p.raw(t)
	say(`{"id":1,"op":"hello","body":{"protocol":1,"holder":"run-1"}}`)
	p.s.hearer.mu.Lock()
	p.s.hearer.rounds = nil // writing to it panics
	p.s.hearer.mu.Unlock()
	if a := say(`{"id":2,"op":"listen","body":{"cluster":"c","round":"r","from":["n2"]}}`); a.Error == nil || !strings.Contains(a.Error.Text, "panicked") {
		t.Errorf("%+v", a.Error)
	}
	if a := say(`{"id":3,"op":"ping"}`); a.Error != nil {
		t.Errorf("%+v", a.Error)
	}
}

func TestRequestsOfOneConnectionGoOnTogether(t *testing.T) {
	p, _ := pretend(t, "n1")
	c := p.connect(t, "run-1", 0)
	if err := c.Listen(t.Context(), ListenRequest{Cluster: "c", Round: "r", From: []string{"n2"}}); err != nil {
		t.Fatal(err)
	}
	// This one waits for five seconds; the others need not.
	ctx, cancel := context.WithCancel(t.Context())
	slow := make(chan error, 1)
	go func() {
		_, err := c.Heard(ctx, HeardRequest{Cluster: "c", Round: "r", Wait: maxWait})
		slow <- err
	}()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := c.Status(t.Context(), "db"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-slow:
		t.Errorf("the slow request was answered first: %v", err)
	default:
	}
	cancel()
	if err := <-slow; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled request: %v", err)
	}
}

func TestAClientThatIsLostSaysWhy(t *testing.T) {
	p, tab := pretend(t, "n1")
	c := p.connect(t, "run-1", 400*time.Millisecond)
	if _, err := c.Rules(t.Context(), addrs("10.0.0.2")); err != nil {
		t.Fatal(err)
	}
	// Somebody heals: the next ping learns it.
	if err := p.connect(t, "", 0).Undo(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Lost():
	case <-time.After(patience):
		t.Fatal("not lost")
	}
	if !errors.Is(c.Err(), ErrLease) {
		t.Errorf("why: %v", c.Err())
	}
	if _, err := c.Rules(t.Context(), nil); !errors.Is(err, ErrLease) || !strings.Contains(err.Error(), "n1") {
		t.Errorf("a request after that: %v", err)
	}
	tab.mu.Lock()
	defer tab.mu.Unlock()
	if tab.chain["iptables"] != nil {
		t.Error("not healed")
	}
	if _, err := Connect(t.Context(), p, Options{Node: "n2"}); err == nil || !strings.Contains(err.Error(), "n1") {
		t.Errorf("the wrong node's agent: %v", err)
	}
}

// An agent that answers nothing, or nonsense, costs a deadline and no more.
func TestAnAgentThatDoesNotAnswer(t *testing.T) {
	for _, nonsense := range []string{"", "nonsense\n", strings.Repeat("x", 2*MaxLine) + "\n", `{"id":77,"body":{}}` + "\n" + `{"id":1,"body":7}` + "\n"} {
		here, there := net.Pipe()
		go func() {
			_, _ = bufio.NewReader(there).ReadString('\n')
			_, _ = io.WriteString(there, nonsense)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := Connect(ctx, pipeHost{nil, here}, Options{Node: "n1", Holder: "run-1"}); err == nil || !strings.Contains(err.Error(), "n1") {
			t.Errorf("%.20q: %v", nonsense, err)
		}
		cancel()
		_ = there.Close()
	}
}

type pipeHost struct {
	Host
	pipe io.ReadWriteCloser
}

func (h pipeHost) Pipe(context.Context, []string) (io.ReadWriteCloser, error) { return h.pipe, nil }
