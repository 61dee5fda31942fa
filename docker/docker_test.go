package docker

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"github.com/partita-dev/partita/cluster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider connects to the engine, with a state folder of the test's own. Without an engine the test does not run.
func provider(t *testing.T, state string) *Provider {
	t.Helper()
	p, err := New(t.Context(), Options{State: state})
	if errors.Is(err, ErrNoEngine) {
		if strings.Contains(os.Getenv("PARTITA_REQUIRE"), "docker") {
			t.Fatalf("PARTITA_REQUIRE asks for docker: %v", err)
		}
		t.Skipf("NOT RUN: %s (%v)", t.Name(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.CloseEngine() })
	return p
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func up(t *testing.T, p *Provider, nodes int) *cluster.Cluster {
	t.Helper()
	c, err := p.Up(within(t, 10*time.Minute), cluster.Spec{Nodes: nodes, Target: "base", Log: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Down(within(t, time.Minute), c); err != nil {
			t.Error(err)
		}
	})
	return c
}

// nothingLeft looks for containers, networks, CPU groups and files of a cluster.
func nothingLeft(t *testing.T, p *Provider, id string) {
	t.Helper()
	ctx := within(t, time.Minute)
	cs, err := p.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: labelled(labelCluster, id)})
	if err != nil || len(cs.Items) > 0 {
		t.Errorf("containers left: %v %v", cs.Items, err)
	}
	ns, err := p.engine.NetworkList(ctx, client.NetworkListOptions{Filters: labelled(labelCluster, id)})
	if err != nil || len(ns.Items) > 0 {
		t.Errorf("networks left: %v %v", ns.Items, err)
	}
	if _, err := os.Stat(p.folder(id)); err == nil {
		t.Errorf("state left: %s", p.folder(id))
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/partita-" + id + "-*"); len(left) > 0 {
		t.Errorf("CPU groups left: %v", left)
	}
}

// A cluster's life, as its people see it.
func TestAClusterLives(t *testing.T) {
	p := provider(t, t.TempDir())
	c := up(t, p, 3)
	ctx := within(t, 3*time.Minute)

	t.Run("every node answers to its name, by both families", func(t *testing.T) {
		for _, n := range c.Nodes {
			out, err := n.(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{"hostname"}})
			if err != nil || strings.TrimSpace(string(out.Stdout)) != n.Name() {
				t.Errorf("%s: %q, %v", n.Name(), out.Stdout, err)
			}
			addrs, err := n.Peer(ctx)
			if err != nil || len(addrs) != 2 || !addrs[0].Is4() || !addrs[1].Is6() {
				t.Errorf("%s: addresses %v, %v", n.Name(), addrs, err)
			}
		}
		for _, family := range []string{"ahostsv4", "ahostsv6"} {
			if _, err := c.Nodes[0].(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{"getent", family, "n3"}}); err != nil {
				t.Errorf("n1 does not know n3: %v", err)
			}
		}
	})

	t.Run("a node has what it needs and no more", func(t *testing.T) {
		ex := c.Nodes[0].(cluster.Executor)
		for _, prog := range []string{"iptables", "ip6tables-restore", "ip", "ps", "tcpdump"} {
			if _, err := ex.Exec(ctx, cluster.Cmd{Args: []string{"sh", "-c", `command -v "$1"`, "x", prog}}); err != nil {
				t.Error(err)
			}
		}
		i, err := p.engine.ContainerInspect(ctx, containerName(c.ID, "n1"), client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		hc := i.Container.HostConfig
		if hc.Privileged || len(hc.CapAdd) != 1 || !strings.Contains(hc.CapAdd[0], "NET_ADMIN") {
			t.Errorf("privileged %v, capabilities %v", hc.Privileged, hc.CapAdd)
		}
		// The clock is the whole machine's.
		if _, err := ex.Exec(ctx, cluster.Cmd{Args: []string{"date", "-s", "@0"}}); err == nil {
			t.Error("a node may set the clock")
		}
		if p.engine.cgroupDriver == "cgroupfs" && hc.CgroupParent != "/"+containerName(c.ID, "n1") {
			t.Errorf("CPU group %q", hc.CgroupParent)
		}
		out, err := ex.Exec(ctx, cluster.Cmd{Args: []string{"sh", "-c", "ulimit -n"}})
		if err != nil || strings.TrimSpace(string(out.Stdout)) != "20000" {
			t.Errorf("open files: %q, %v", out.Stdout, err)
		}
	})

	t.Run("a command ends on the node with its deadline here", func(t *testing.T) {
		ex := c.Nodes[0].(cluster.Executor)
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		if _, err := ex.Exec(short, cluster.Cmd{Args: []string{"sleep", "4321"}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		eventually(t, func() error {
			var exit *cluster.ExitError
			_, err := ex.Exec(ctx, cluster.Cmd{Args: []string{"pgrep", "-f", "^sleep 4321"}})
			if errors.As(err, &exit) && exit.Status == 1 {
				return nil // nobody
			}
			return errors.Join(errors.New("it still runs"), err)
		})
	})

	t.Run("files go there and back", func(t *testing.T) {
		f := c.Nodes[1].(cluster.Files)
		if err := f.Put(ctx, dataDir+"/a/b", strings.NewReader("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := f.Get(ctx, dataDir+"/a/b", &got, 0); err != nil || got.String() != "hello" {
			t.Fatalf("got %q, %v", got.String(), err)
		}
	})

	t.Run("a cut edge is silent, and heard again when healed", func(t *testing.T) {
		there, back := cluster.Edge{From: "n1", To: "n2"}, cluster.Edge{From: "n2", To: "n1"}
		reach := func() (cluster.Evidence, cluster.Evidence) {
			ev, err := c.Net.Reach(ctx, []cluster.Edge{there, back})
			if err != nil || len(ev) != 2 {
				t.Fatalf("%v, %v", ev, err)
			}
			return ev[0], ev[1]
		}
		if a, b := reach(); !a.Heard() || !b.Heard() {
			t.Fatalf("before: %+v %+v", a, b)
		}
		if err := c.Cut(ctx, "test", []cluster.Edge{there}); err != nil {
			t.Fatal(err)
		}
		if a, b := reach(); !a.Silent() || !b.Heard() {
			t.Errorf("cut: %+v %+v", a, b)
		}
		if err := c.Cut(ctx, "test", nil); err != nil {
			t.Fatal(err)
		}
		if a, b := reach(); !a.Heard() || !b.Heard() {
			t.Errorf("healed: %+v %+v", a, b)
		}
	})

	t.Run("another controller finds it and is refused", func(t *testing.T) {
		other := provider(t, p.state)
		found, err := other.Find(ctx)
		if err != nil || !contains(found, c.ID) {
			t.Fatalf("found %v, %v", found, err)
		}
		for what, try := range map[string]func() error{
			"attach": func() error { _, err := other.Attach(ctx, c.ID); return err },
			"up":     func() error { _, err := other.Up(ctx, cluster.Spec{ID: c.ID, Nodes: 1}); return err },
			"down":   func() error { return other.Down(ctx, &cluster.Cluster{ID: c.ID}) },
		} {
			if err := try(); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process ") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		for _, f := range found {
			if f.ID != c.ID {
				continue
			}
			out, err := f.Nodes[2].(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{"hostname"}})
			if err != nil || string(out.Stdout) != "n3\n" {
				t.Errorf("a found cluster's node: %q, %v", out.Stdout, err)
			}
			if err := other.Close(f); err != nil {
				t.Error(err)
			}
		}
		d, err := other.Describe(ctx, c.ID)
		if err != nil || !strings.Contains(d.InUse, "process ") || len(d.Nodes) != 3 || d.ImageID != p.ImageID(c) || d.ImageID == "" {
			t.Errorf("described as %+v, %v", d, err)
		}
	})

	t.Run("anybody heals", func(t *testing.T) {
		if err := c.Cut(ctx, "test", []cluster.Edge{{From: "n1", To: "n3"}}); err != nil {
			t.Fatal(err)
		}
		other := provider(t, p.state)
		shared, err := other.AttachShared(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Heal(ctx, shared); err != nil {
			t.Error(err)
		}
		out, err := shared.Nodes[2].(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{"iptables", "-w", "-S"}})
		if err != nil || strings.Contains(string(out.Stdout), "DROP") {
			t.Errorf("n3 after healing: %s %v", out.Stdout, err)
		}
		if err := other.Close(shared); err != nil {
			t.Error(err)
		}
	})

	t.Run("left up, the next one takes it", func(t *testing.T) {
		if err := p.Close(c); err != nil {
			t.Fatal(err)
		}
		other := provider(t, p.state)
		again, err := other.Attach(ctx, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		// A node that is restarted has another address and no agent; the same value goes on with it.
		if _, err := other.engine.ContainerRestart(ctx, containerName(c.ID, "n2"), client.ContainerRestartOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			_, err := again.Nodes[1].(cluster.Processes).Status(ctx, "none")
			return err
		})
		// One that is gone is named.
		if _, err := other.engine.ContainerKill(ctx, containerName(c.ID, "n3"), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
			t.Fatal(err)
		}
		if _, err := again.Nodes[2].(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{"true"}}); err == nil || !strings.Contains(err.Error(), "n3") {
			t.Errorf("a dead node: got %v", err)
		}
		if err := other.Close(again); err != nil {
			t.Log("closing with a dead node:", err)
		}
		if _, err := other.Attach(ctx, c.ID); err == nil || !strings.Contains(err.Error(), "n3: its container is exited") {
			t.Errorf("attach with a dead node: got %v", err)
		}
	})

	if err := p.Down(ctx, c); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, p, c.ID)
	if err := p.Down(ctx, c); err != nil {
		t.Errorf("twice: %v", err)
	}
}

func contains(cs []*cluster.Cluster, id string) bool {
	for _, c := range cs {
		if c.ID == id {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, try func() error) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// Whoever lost the keys can still clean up.
func TestAClusterWithoutItsKeysIsListedAndRemoved(t *testing.T) {
	p := provider(t, t.TempDir())
	c := up(t, p, 1)
	ctx := within(t, time.Minute)
	other := provider(t, t.TempDir())
	found, err := other.Find(ctx)
	if err != nil || !contains(found, c.ID) {
		t.Fatalf("found %v, %v", found, err)
	}
	if _, err := other.Attach(ctx, c.ID); err == nil || !strings.Contains(err.Error(), "partita cluster down") {
		t.Errorf("attach: got %v", err)
	}
	if _, err := other.Attach(ctx, "none"); err == nil || !strings.Contains(err.Error(), c.ID) {
		t.Errorf("attach to one that is not there: got %v", err)
	}
	if err := other.Down(ctx, &cluster.Cluster{ID: c.ID}); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, other, c.ID)
}

// What this process made it may take down as it found it.
func TestOnesOwnClusterGoesDownAsFound(t *testing.T) {
	p := provider(t, t.TempDir())
	c := up(t, p, 1)
	ctx := within(t, time.Minute)
	found, err := p.Find(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.ID == c.ID {
			if err := p.Down(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	nothingLeft(t, p, c.ID)
}

// A build that fails shows its last lines and leaves nothing, no image without a name either.
func TestAFailedUpLeavesNothing(t *testing.T) {
	p := provider(t, t.TempDir())
	ctx := within(t, 10*time.Minute)
	count := func() int {
		r, err := p.engine.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("dangling", "true")})
		if err != nil {
			t.Fatal(err)
		}
		return len(r.Items)
	}
	before := count()
	bad := fstest.MapFS{"Dockerfile": {Data: []byte("ARG BASE\nFROM ${BASE}\nRUN touch /first\nRUN echo the reason is here && false\n")}}
	_, err := p.Up(ctx, cluster.Spec{ID: "badbuild", Nodes: 1, Target: "bad", Image: bad})
	if err == nil || !strings.Contains(err.Error(), "the reason is here") {
		t.Errorf("got %v", err)
	}
	if n := count(); n > before {
		t.Errorf("%d images without a name, there were %d", n, before)
	}
	nothingLeft(t, p, "badbuild")

	noSSH := fstest.MapFS{"Dockerfile": {Data: []byte("ARG BASE\nFROM ${BASE}\nRUN rm /usr/sbin/sshd\n")}}
	_, err = p.Up(ctx, cluster.Spec{ID: "nosshd", Nodes: 2, Target: "nosshd", Image: noSSH})
	if err == nil || !strings.Contains(err.Error(), "n1") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, p, "nosshd")
	if tags, err := p.engine.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("reference", "partita-nosshd")}); err == nil {
		for _, i := range tags.Items {
			_, _ = p.engine.ImageRemove(ctx, i.ID, client.ImageRemoveOptions{PruneChildren: true})
		}
	}
}
