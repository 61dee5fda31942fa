package torture

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker"
	"github.com/partita-dev/partita/history"
	"github.com/partita-dev/partita/internal/agent"
	"github.com/partita-dev/partita/internal/store"
)

// bench is a folder in which partita is run, with a state and runs of its own, and an engine.
type bench struct {
	t      *testing.T
	dir    string
	mark   string
	prefix []string // before each command: what puts it into the engine's network
	env    []string
}

// newBench ends the test where no engine answers.
func newBench(t *testing.T) *bench {
	t.Helper()
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		notRun(t, "docker", "no Docker engine answers: "+strings.TrimSpace(string(out)))
	}
	b := &bench{t: t, dir: t.TempDir()}
	// The agent's binary stays the same, whatever is built meanwhile.
	b.env = append(b.env, agent.BinaryEnv+"="+b.agentCopy("agent", nil))
	b.mark = fmt.Sprintf("%s-%d", filepath.Base(filepath.Dir(b.dir)), os.Getpid())
	t.Cleanup(b.clean)
	return b
}

// agentCopy is a copy of the agent's binary with something behind its end.
func (b *bench) agentCopy(name string, end []byte) string {
	b.t.Helper()
	path, err := agent.Binary(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	dst := filepath.Join(b.dir, name)
	if err := os.WriteFile(dst, append(all, end...), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return dst
}

// otherAgent does the same and has another checksum, as a newer build.
func (b *bench) otherAgent() string { return b.agentCopy("other-agent", []byte("newer")) }

func (b *bench) state() string { return filepath.Join(b.dir, "state") }

// clean removes what a test that failed left up, and shows what the controllers did.
func (b *bench) clean() {
	if b.t.Failed() {
		logs, _ := filepath.Glob(filepath.Join(b.dir, "*", "*", "2*", store.LogFile))
		for _, path := range logs {
			text, _ := os.ReadFile(path)
			b.t.Logf("%s:\n%s", path, text[max(0, len(text)-20_000):])
		}
	}
	if len(b.prefix) > 0 {
		return // its engine goes
	}
	left, _ := filepath.Glob(filepath.Join(b.state(), "clusters", "*"))
	if len(left) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := docker.New(ctx, docker.Options{State: b.state()})
	if err != nil {
		b.t.Log(err)
		return
	}
	defer func() { _ = p.CloseEngine() }()
	for _, path := range left {
		if err := p.Down(ctx, &cluster.Cluster{ID: filepath.Base(path)}); err != nil {
			b.t.Log(err)
		}
	}
}

func (b *bench) command(args ...string) *exec.Cmd {
	b.t.Helper()
	args = append(append(append([]string{}, b.prefix...), self(b.t)), args...)
	c := exec.Command(args[0], args[1:]...)
	c.Dir = b.dir
	c.Env = append(append(os.Environ(), roleEnv+"="+rolePartita, markEnv+"="+b.mark, "PARTITA_STATE="+b.state()), b.env...)
	return c
}

// partita runs a command to its end and asks for its exit status.
func (b *bench) partita(status int, args ...string) string {
	b.t.Helper()
	began := time.Now()
	out, err := b.command(args...).CombinedOutput()
	if got, want := ended(err), fmt.Sprintf("exit status %d", status); got != want {
		b.t.Errorf("partita %s: %s, not %s, after %s:\n%s", strings.Join(args, " "), got, want, time.Since(began).Round(time.Second), out)
	}
	return string(out)
}

// running is a command of partita that is under way.
type running struct {
	b    *bench
	cmd  *exec.Cmd
	done chan struct{}
	err  error // after done

	mu  sync.Mutex
	out bytes.Buffer
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(p)
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// start runs a command in a process group of its own, as a shell does.
func (b *bench) start(args ...string) *running {
	b.t.Helper()
	r := &running{b: b, cmd: b.command(args...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		r.err = r.cmd.Wait()
		close(r.done)
	}()
	b.t.Cleanup(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.done
	})
	return r
}

// signal is what the terminal does: the whole group gets it.
func (r *running) signal(s syscall.Signal) {
	if err := syscall.Kill(-r.cmd.Process.Pid, s); err != nil {
		r.b.t.Fatal(err)
	}
}

// wait waits for the end and says how it was.
func (r *running) wait(most time.Duration) string {
	r.b.t.Helper()
	select {
	case <-r.done:
		return ended(r.err)
	case <-time.After(most):
		r.b.t.Fatalf("it goes on after %s:\n%s", most, r.output())
		return ""
	}
}

// until waits for something that happens while the command runs.
func (r *running) until(what string, most time.Duration, happened func() bool) {
	r.b.t.Helper()
	for deadline := time.Now().Add(most); !happened(); {
		select {
		case <-r.done:
			r.b.t.Fatalf("it ended (%s) before %s:\n%s", ended(r.err), what, r.output())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			r.b.t.Fatalf("no %s within %s:\n%s", what, most, r.output())
		}
	}
}

// folder is the one run's folder.
func (b *bench) folder() string {
	runs, _ := filepath.Glob(filepath.Join(b.dir, "runs", "*", "2*"))
	if len(runs) != 1 {
		return ""
	}
	return runs[0]
}

func (b *bench) read(name string, x any) bool {
	folder := b.folder()
	if folder == "" {
		return false
	}
	d, err := store.Open(folder)
	if err != nil {
		return false
	}
	defer func() { _ = d.Close() }()
	return d.ReadJSON(name, x) == nil
}

// id is the cluster of the one run.
func (b *bench) id() string {
	b.t.Helper()
	var m store.Meta
	if !b.read(store.MetaFile, &m) || m.Cluster == "" {
		b.t.Fatal("the run's folder does not name its cluster")
	}
	return m.Cluster
}

// window is the one that is in force and was seen.
func (b *bench) window() (w history.Window, ok bool) {
	var f store.Faults
	if !b.read(store.FaultsFile, &f) {
		return w, false
	}
	for _, w := range f.Windows {
		if w.Observed.From.Happened() && !w.Commanded.To.Happened() {
			return w, true
		}
	}
	return w, false
}

// docker runs the engine's own client.
func (b *bench) docker(args ...string) string {
	b.t.Helper()
	args = append(append(append([]string{}, b.prefix...), "docker"), args...)
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), b.env...)
	out, err := c.CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// containers of a cluster, running or not.
func (b *bench) containers(id string) []string {
	b.t.Helper()
	return strings.Fields(b.docker("ps", "-aq", "--filter", "label=dev.partita.cluster="+id))
}

// container is that of one node.
func (b *bench) container(id, node string) string {
	b.t.Helper()
	return strings.TrimSpace(b.docker("ps", "-aq", "--filter", "label=dev.partita.cluster="+id, "--filter", "label=dev.partita.node="+node))
}

// rules are Partita's on all nodes of a cluster.
func (b *bench) rules(id string) (found []string) {
	b.t.Helper()
	for _, c := range b.containers(id) {
		for line := range strings.Lines(b.docker("exec", c, "iptables", "-S")) {
			if strings.Contains(line, "PARTITA") && strings.Contains(line, "DROP") {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}

// nothing lists what is left of a cluster, and of the processes that were started here.
func (b *bench) nothing(id string) (found []string) {
	b.t.Helper()
	for _, what := range [][]string{{"ps", "-aq"}, {"network", "ls", "-q"}} {
		if out := b.docker(append(what, "--filter", "label=dev.partita.cluster="+id)...); out != "" {
			found = append(found, what[0]+": "+out)
		}
	}
	if _, err := os.Stat(filepath.Join(b.state(), "clusters", id)); err == nil {
		found = append(found, "the state of cluster "+id)
	}
	found = append(found, left(b.t, b.mark)...)
	for _, f := range found {
		b.t.Errorf("left behind: %s", f)
	}
	return found
}

// recorded is what stands in the history of the one run now.
func (b *bench) recorded() recorded {
	b.t.Helper()
	r, err := record(b.folder())
	if err != nil {
		b.t.Fatal(err)
	}
	if r.quiet > always {
		b.t.Errorf("the history was last written %s ago", r.quiet)
	}
	return r
}

// lost asks that all of it is there still.
func (b *bench) lost(r recorded) int {
	b.t.Helper()
	n, err := r.lost(b.folder())
	if n > 0 || err != nil {
		b.t.Errorf("%d of %d bytes of the history are lost: %v", n, len(r.text), err)
	}
	return n
}

// judged asks that `partita check` works on the run's folder, and that it is not valid.
func (b *bench) judged() {
	b.t.Helper()
	if out := b.partita(2, "check", b.folder()); !strings.Contains(out, "does not count") {
		b.t.Errorf("check does not say that the run does not count:\n%s", out)
	}
	if half, _ := filepath.Glob(filepath.Join(b.folder(), "*.tmp")); len(half) > 0 {
		b.t.Errorf("half files are left in the run's folder: %v", half)
	}
}

// says asks for words.
func says(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q:\n%s", w, out)
		}
	}
}

// long is a run whose window is in force from about the third second on, for half a minute.
var long = []string{"test", "etcd", "-w", "register", "--faults", "partition:primaries", "--interval", "60s", "--time-limit", "120s"}

// healed waits until nothing is cut any more on a cluster, for as long as it may take from a moment on; the error says what
// is.
func (b *bench) healed(id string, from time.Time, most time.Duration) (took time.Duration, err error) {
	b.t.Helper()
	for {
		rules := b.rules(id)
		took = time.Since(from)
		switch {
		case len(rules) == 0:
			return took, nil
		case took > most:
			return took, fmt.Errorf("%s after the kill there is still %v", took.Round(time.Second), rules)
		}
		pause(200 * time.Millisecond)
	}
}

// leaseFor is how long after its controller's end a node may still be cut: its lease, and what a busy machine needs.
const leaseFor = agent.DefaultLease + 20*time.Second

// killInWindow starts a run and kills its controller in a window.
func (b *bench) killInWindow(before func(id string)) (id string, killed time.Time, r recorded) {
	b.t.Helper()
	c := b.start(long...)
	c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
	pause(time.Duration(rand.Int64N(int64(2 * time.Second))))
	id = b.id()
	before(id)
	r = b.recorded()
	c.signal(syscall.SIGKILL)
	killed = time.Now()
	if got := c.wait(time.Minute); got != "signal: killed" {
		b.t.Errorf("it ended with %s", got)
	}
	if len(b.rules(id)) == 0 {
		b.t.Error("nothing was cut: what is undone then proves nothing")
	}
	return id, killed, r
}

// TestAKilledControllersFaultsAreUndone kills the real thing in the middle of a window.
func TestAKilledControllersFaultsAreUndone(t *testing.T) {
	r := row{what: "kill -9 of the controller in a window, Docker", status: "killed"}
	var mu sync.Mutex
	t.Run("times", func(t *testing.T) {
		for i, how := range []string{"lease", "lease", "heal"} {
			t.Run(fmt.Sprint(how, i), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				id, killed, had := b.killInWindow(func(string) {})
				says(t, b.partita(0, "cluster", "ls"), id)
				most := leaseFor
				if how == "heal" {
					b.env = append(b.env, agent.BinaryEnv+"="+b.otherAgent()) // a build that is not the controller's heals too
					says(t, b.partita(0, "heal", id), "n1 healed", "n2 healed", "n3 healed")
					most = 0
				}
				took, err := b.healed(id, killed, most)
				if err != nil {
					t.Error(err)
				}
				b.judged()
				lost := b.lost(had)
				says(t, b.partita(0, "cluster", "down", id), id+" removed")
				left := b.nothing(id)
				mu.Lock()
				defer mu.Unlock()
				r.times++
				r.lost += lost
				r.left += len(left)
				r.notes += fmt.Sprintf("%s after %s; ", how, took.Round(time.Second))
			})
		}
	})
	r.failed = t.Failed()
	if r.times > 0 {
		table.add(r)
	}
}
