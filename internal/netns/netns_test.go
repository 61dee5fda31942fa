//go:build linux

package netns

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/agent"
)

func TestMain(m *testing.M) {
	if id := os.Getenv("PARTITA_TEST_VICTIM"); id != "" {
		victim(id)
		return
	}
	goleak.VerifyTestMain(m)
}

// victim is a controller that makes a cluster and waits to be killed.
func victim(id string) {
	p, err := New(Options{})
	if err == nil {
		_, err = p.Up(context.Background(), cluster.Spec{ID: id, Nodes: 2})
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(3)
	}
	_, _ = os.Stdout.WriteString("up\n")
	select {}
}

// provider gives a provider with a state folder of its own, or ends the test where namespaces cannot be made.
func provider(t *testing.T) *Provider {
	t.Helper()
	if err := Check(t.Context()); err != nil {
		if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "netns") {
			t.Fatal(err)
		}
		t.Skipf("NOT RUN: %s (%v)", t.Name(), err)
	}
	p, err := New(Options{State: filepath.Join(t.TempDir(), "state")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// on runs a command on a node and gives what it printed.
func on(t *testing.T, n cluster.Node, args ...string) string {
	t.Helper()
	out, err := n.(cluster.Executor).Exec(soon(t), cluster.Cmd{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out.Stdout))
}

// until waits for something to become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := soon(t); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// traces gives what of a cluster is to be seen on the host: processes that use its folder, mounts, links.
func traces(t *testing.T, folder string) string {
	t.Helper()
	var b strings.Builder
	files, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, "/proc/self/mountinfo") {
		text, err := os.ReadFile(f)
		if err == nil && bytes.Contains(text, []byte(folder+"/")) {
			b.WriteString(f + " mounts " + folder + "\n")
		}
	}
	links, err := os.ReadDir("/sys/class/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Name() == bridgeName {
			b.WriteString("link " + l.Name() + "\n")
		}
	}
	if _, err := os.Stat(folder); err == nil {
		b.WriteString("folder " + folder + "\n")
	}
	return b.String()
}

func TestNodesComeFromNothingAndLeaveNothing(t *testing.T) {
	p := provider(t)
	ctx := soon(t)
	c, err := p.Up(ctx, cluster.Spec{ID: "whole", Nodes: 3, Log: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	down := func() {
		if err := p.Down(ctx, c); err != nil {
			t.Errorf("down: %v", err)
		}
	}
	defer down()
	for _, n := range c.Nodes {
		if host := on(t, n, "uname", "-n"); host != n.Name() {
			t.Errorf("%s calls itself %q", n.Name(), host)
		}
		if files := on(t, n, "ls", n.Dir(), "/root", "/tmp"); strings.Contains(files, ".") {
			t.Errorf("%s sees others' files:\n%s", n.Name(), files)
		}
		on(t, n, "sh", "-c", `echo "$1" >"$2/mine"`, "sh", n.Name(), n.Dir())
		if uid := on(t, n, "id", "-u"); uid != "0" {
			t.Errorf("%s is uid %s", n.Name(), uid)
		}
	}
	for _, n := range c.Nodes {
		if mine := on(t, n, "cat", n.Dir()+"/mine"); mine != n.Name() {
			t.Errorf("the data of %s is %s's", n.Name(), mine)
		}
	}

	// The network is whole, is cut in one direction of each family, and is whole again.
	cut := cluster.Edge{From: "n1", To: "n2"}
	both := []cluster.Edge{cut, {From: "n2", To: "n1"}}
	round := func() (cut, back cluster.Evidence) {
		t.Helper()
		ev, err := c.Net.Reach(ctx, both)
		if err != nil {
			t.Fatal(err)
		}
		return ev[0], ev[1]
	}
	if a, b := round(); !a.Heard() || !b.Heard() {
		t.Fatalf("before: %+v %+v", a, b)
	}
	if err := c.Cut(ctx, "test", []cluster.Edge{cut}); err != nil {
		t.Fatal(err)
	}
	if a, b := round(); !a.Silent() || !b.Heard() || len(a.Flows) < 2 {
		t.Fatalf("n2 must not hear n1: %+v %+v", a, b)
	}
	if err := c.Cut(ctx, "test", nil); err != nil {
		t.Fatal(err)
	}
	if a, b := round(); !a.Heard() || !b.Heard() {
		t.Fatalf("healed: %+v %+v", a, b)
	}

	folder := p.folder("whole")
	if traces(t, folder) == "" {
		t.Fatal("the cluster is up and has no traces: the test does not look well")
	}
	down()
	until(t, "nothing is left", func() bool { return traces(t, folder) == "" })
}

func TestADaemonIsStartedPausedAndKilled(t *testing.T) {
	p := provider(t)
	ctx := soon(t)
	c, err := p.Up(ctx, cluster.Spec{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Down(context.Background(), c) }()
	n := c.Nodes[0]
	ps := n.(cluster.Processes)
	if err := ps.Start(ctx, cluster.Daemon{Name: "sleeper", Args: []string{"sleep", "600"}}); err != nil {
		t.Fatal(err)
	}
	status := func() cluster.Process {
		t.Helper()
		s, err := ps.Status(ctx, "sleeper")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := status(); !s.Running {
		t.Fatalf("started: %+v", s)
	}
	if err := ps.Signal(ctx, "sleeper", cluster.SigStop); err != nil || !status().Paused {
		t.Fatalf("paused: %v %+v", err, status())
	}
	if err := ps.Signal(ctx, "sleeper", cluster.SigKill); err != nil || status().Running {
		t.Fatalf("killed: %v %+v", err, status())
	}
	// Orphans are reaped: none of them stays as a zombie.
	on(t, n, "sh", "-c", "(sleep 0.01 &) ; (sleep 0.02 &)")
	until(t, "the node's first process reaps orphans", func() bool {
		return !strings.Contains(on(t, n, "sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true"), ") Z ")
	})
}

func TestAPortWhereNobodyListensIsRefused(t *testing.T) {
	p := provider(t)
	ctx := soon(t)
	c, err := p.Up(ctx, cluster.Spec{Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Down(context.Background(), c) }()
	// Drivers tell from this error that nothing was sent.
	if _, err := c.Nodes[0].Dial(ctx, 1); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v, expected that it is refused", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Nodes[0].Dial(over, sshPort); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, expected that it was given up", err)
	}
	conn, err := c.Nodes[0].Dial(ctx, sshPort)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	banner := make([]byte, 4)
	if _, err := io.ReadFull(conn, banner); err != nil || string(banner) != "SSH-" {
		t.Fatalf("%q, %v", banner, err)
	}
}

func TestEverythingDiesWithTheController(t *testing.T) {
	p := provider(t)
	binary, err := agent.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "PARTITA_TEST_VICTIM=doomed", "PARTITA_STATE="+p.state, agent.BinaryEnv+"="+binary)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if b := make([]byte, 3); !readAll(out, b) || string(b) != "up\n" {
		_ = cmd.Process.Kill()
		t.Fatalf("the controller came not up: %q", b)
	}
	ctx := soon(t)
	if err := p.Down(ctx, &cluster.Cluster{ID: "doomed"}); !errors.Is(err, ErrInUse) {
		t.Errorf("down while the controller lives: %v, expected that it is in use", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	folder := p.folder("doomed")
	until(t, "its nodes end", func() bool { return !strings.Contains(traces(t, folder), "mounts") })
	cs, err := p.Find(ctx)
	if err != nil || len(cs) != 0 {
		t.Fatalf("found %v, %v", cs, err)
	}
	if left := traces(t, folder); left != "" {
		t.Fatalf("left:\n%s", left)
	}
}

func readAll(r io.Reader, b []byte) bool {
	_, err := io.ReadFull(r, b)
	return err == nil
}

func TestAClusterIsLeftUpForOthers(t *testing.T) {
	p := provider(t)
	ctx := soon(t)
	c, err := p.Up(ctx, cluster.Spec{ID: "left", Nodes: 2, Leave: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(c); err != nil {
		t.Fatal(err)
	}
	other, err := New(Options{State: p.state})
	if err != nil {
		t.Fatal(err)
	}
	cs, err := other.Find(ctx)
	if err != nil || len(cs) != 1 || cs[0].ID != "left" || len(cs[0].Nodes) != 2 {
		t.Fatalf("found %v, %v", cs, err)
	}
	at, err := other.Attach(ctx, "left")
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Cut(ctx, "test", []cluster.Edge{{From: "n1", To: "n2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Attach(ctx, "left"); !errors.Is(err, ErrInUse) {
		t.Fatalf("attached to by two: %v", err)
	}
	beside, err := p.AttachShared(ctx, "left")
	if err != nil {
		t.Fatal(err)
	}
	if rules := on(t, beside.Nodes[1], "iptables", "-S"); !strings.Contains(rules, addrsOf(0)[0].Addr().String()) {
		t.Fatalf("n2 hears n1:\n%s", rules)
	}
	// Whoever is beside may heal.
	if err := beside.Nodes[1].(interface{ Undo(context.Context) error }).Undo(ctx); err != nil {
		t.Fatal(err)
	}
	if rules := on(t, beside.Nodes[1], "iptables", "-S"); strings.Contains(rules, addrsOf(0)[0].Addr().String()) {
		t.Fatalf("n2 does not hear n1 after healing:\n%s", rules)
	}
	if err := errors.Join(p.Close(beside), other.Close(at), other.Close(cs[0])); err != nil {
		t.Fatal(err)
	}
	if err := other.Down(ctx, cs[0]); err != nil {
		t.Fatal(err)
	}
	until(t, "nothing is left", func() bool { return traces(t, p.folder("left")) == "" })
	if _, err := other.Attach(ctx, "left"); err == nil || !strings.Contains(err.Error(), "no cluster") {
		t.Fatalf("attached to what is gone: %v", err)
	}
	<-p.hubs["left"].gone
}

func TestAFailedUpLeavesNothing(t *testing.T) {
	p := provider(t)
	ctx := soon(t)
	if _, err := p.Up(ctx, cluster.Spec{ID: "bad", Nodes: 0}); err == nil {
		t.Fatal("no nodes, and no error")
	}
	if _, err := p.Up(ctx, cluster.Spec{ID: "../bad", Nodes: 1}); err == nil {
		t.Fatal("a bad name, and no error")
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Up(over, cluster.Spec{ID: "over", Nodes: 3}); err == nil {
		t.Fatal("given up, and no error")
	}
	until(t, "nothing is left", func() bool { return traces(t, p.folder("over")) == "" })
}

// TestAsAnOrdinaryUser runs the tests above again, by a user who may do nothing.
func TestAsAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skipf("NOT RUN: %s (not root: the others are run by an ordinary user already)", t.Name())
	}
	const nobody = 65534
	binary, err := agent.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "partita-nobody-") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := errors.Join(os.Chmod(dir, 0o755), copyFile(self, filepath.Join(dir, "test")), copyFile(binary, filepath.Join(dir, "partita")),
		os.Mkdir(home, 0o755), os.Chown(home, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "test"), "-test.v", "-test.run", "^Test(Nodes|ADaemon|APort|Everything|ACluster|AFailed)")
	cmd.Dir = home
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + home, "TMPDIR=" + home, agent.BinaryEnv + "=" + filepath.Join(dir, "partita"),
		"PARTITA_REQUIRE=" + os.Getenv("PARTITA_REQUIRE")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if bytes.Contains(out, []byte("NOT RUN")) {
		t.Skipf("NOT RUN: %s (an ordinary user may not: %s)", t.Name(), out)
	}
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	return err
}
