package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/internal/store"
)

// engine is a Docker engine of the test's own, in a network of its own: it can be killed without harm to anybody.
type engine struct {
	b    *bench
	dir  string
	ns   string
	log  bytes.Buffer
	cmd  *exec.Cmd
	done chan struct{}
}

// newEngine starts an engine that has the images of the machine's, and makes the bench use it.
func newEngine(t *testing.T, b *bench) *engine {
	t.Helper()
	need := func(err error, what string) {
		t.Helper()
		if err != nil {
			notRun(t, "root", fmt.Sprintf("%s: %v", what, err))
		}
	}
	_, err := exec.LookPath("dockerd")
	need(err, "an engine of its own")
	images := b.images()
	e := &engine{b: b, dir: t.TempDir(), ns: fmt.Sprintf("partita-torture-%d", os.Getpid())}
	need(execute("ip", "netns", "add", e.ns), "a network of its own")
	t.Cleanup(e.remove)
	need(execute("ip", "-n", e.ns, "link", "set", "lo", "up"), "a network of its own")
	e.start()
	save := exec.Command("docker", append([]string{"save"}, images...)...)
	load := exec.Command("docker", "-H", e.host(), "load")
	if load.Stdin, err = save.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := load.CombinedOutput()
	if werr := save.Wait(); err != nil || werr != nil {
		t.Fatalf("copy the images: %v, %v: %s", werr, err, out)
	}
	b.prefix, b.env = []string{"nsenter", "--net=/run/netns/" + e.ns}, append(b.env, "DOCKER_HOST="+e.host())
	return e
}

func execute(args ...string) error {
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// images are those of etcd on the machine's engine, and what they are made from; made when there are none.
func (b *bench) images() []string {
	b.t.Helper()
	list := func(name string) []string {
		return strings.Fields(b.docker("images", name, "--format", "{{.Repository}}:{{.Tag}}"))
	}
	if len(list("partita-etcd")) == 0 {
		out := b.partita(0, "cluster", "up", "etcd", "--node-count", "1")
		id, _, _ := strings.Cut(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:], "\t")
		b.partita(0, "cluster", "down", id)
	}
	return append(append(list("debian:bookworm-slim"), list("partita-base")...), list("partita-etcd")...)
}

func (e *engine) host() string { return "unix://" + filepath.Join(e.dir, "docker.sock") }

func (e *engine) start() {
	t := e.b.t
	t.Helper()
	e.cmd = exec.Command("nsenter", "--net=/run/netns/"+e.ns, "dockerd", "--data-root", filepath.Join(e.dir, "data"), "--exec-root", filepath.Join(e.dir, "exec"),
		"--pidfile", filepath.Join(e.dir, "pid"), "--host", e.host(), "--bridge", "none", "--config-file", filepath.Join(e.dir, "none.json"))
	_ = os.WriteFile(filepath.Join(e.dir, "none.json"), []byte("{}"), 0o600)
	e.cmd.Stdout, e.cmd.Stderr = &e.log, &e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e.done = make(chan struct{})
	go func() { _ = e.cmd.Wait(); close(e.done) }()
	for deadline := time.Now().Add(2 * time.Minute); execute("docker", "-H", e.host(), "version") != nil; pause(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.kill()
			t.Fatalf("the engine did not start:\n%s", e.log.String())
		}
	}
}

// kill is kill -9 of the engine, whose containers go on.
func (e *engine) kill() {
	_ = e.cmd.Process.Kill()
	<-e.done
}

// processes are those that the engine started: they name its folder.
func (e *engine) processes() (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(e.dir+"/exec/")) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// remove takes away all of the engine.
func (e *engine) remove() {
	if e.cmd != nil {
		_ = e.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-e.done:
		case <-time.After(30 * time.Second):
			e.kill()
		}
	}
	for _, pid := range e.processes() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], e.dir) {
			_ = unix.Unmount(f[1], unix.MNT_DETACH)
		}
	}
	if err := execute("ip", "netns", "del", e.ns); err != nil {
		e.b.t.Error(err)
	}
}

// TestAnEngineThatIsKilled kills the engine in a window. Nodes go on without it, and cannot be taken down.
func TestAnEngineThatIsKilled(t *testing.T) {
	if !everything() {
		t.Skipf("NOT RUN: %s (it takes minutes: `make torture` does it)", t.Name())
	}
	b := newBench(t)
	e := newEngine(t, b)
	const limit = 30 * time.Second
	c := b.start("test", "etcd", "-w", "register", "--faults", "partition:primaries", "--interval", "20s", "--time-limit", limit.String())
	c.until("window in force", upFor, func() bool { _, ok := b.window(); return ok })
	id, had := b.id(), b.recorded()
	e.kill()
	began := time.Now()
	status := c.wait(limit + 6*time.Minute)
	took := time.Since(began).Round(time.Second)
	t.Logf("it ended with %s after %s:\n%s", status, took, c.output())
	if status != "exit status 3" {
		t.Errorf("it ended with %s", status)
	}
	says(t, c.output(), "Docker", "partita doctor --fix", "partita cluster down "+id)
	var v store.Verdict
	if !b.read(store.VerdictFile, &v) || v.Ops.OK == 0 {
		t.Errorf("nothing was judged: %+v", v)
	}
	b.partita(2, "check", b.folder())
	b.partita(3, "cluster", "ls") // without an engine it says so
	e.start()
	says(t, b.partita(0, "cluster", "ls"), id)
	says(t, b.partita(0, "cluster", "down", id), id+" removed")
	note(t, "kill -9 of the engine in a window", status, b.lost(had), b.nothing(id), fmt.Sprintf("ended in %s; the cluster was removed when the engine was back", took))
}
