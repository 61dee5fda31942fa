package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// world is a few nodes in network namespaces of their own, joined by a bridge in another one.
type world struct {
	nodes []*nsNode
}

type nsNode struct {
	name, ns, dir string
	addrs         []netip.Addr
}

const nsPrefix = "ptagent"

var worlds atomic.Int32

// newWorld makes n nodes with IPv4 and IPv6 and an agent on each. All goes away with the test.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	t.Parallel() // they mostly wait
	if os.Geteuid() != 0 {
		cannot(t, "not root: network namespaces are made with ip netns")
	}
	for _, tool := range []string{"ip", "iptables", "ip6tables"} {
		if _, err := exec.LookPath(tool); err != nil {
			cannot(t, "no "+tool)
		}
	}
	sweep(t)
	id := fmt.Sprintf("%s-%d-%d-", nsPrefix, os.Getpid(), worlds.Add(1))
	bridge := id + "br"
	t.Cleanup(func() { removeNS(bridge) })
	if out, err := exec.Command("ip", "netns", "add", bridge).CombinedOutput(); err != nil {
		cannot(t, "ip netns add: "+string(out))
	}
	ip(t, "-n", bridge, "link", "add", "br0", "up", "type", "bridge")
	w := &world{}
	for i := range n {
		node := &nsNode{name: fmt.Sprintf("n%d", i+1), ns: fmt.Sprint(id, i+1), dir: filepath.Join(t.TempDir(), "a")}
		t.Cleanup(func() { removeNS(node.ns) })
		port := fmt.Sprint("p", i+1)
		ip(t, "netns", "add", node.ns)
		ip(t, "-n", bridge, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", node.ns)
		ip(t, "-n", bridge, "link", "set", port, "master", "br0", "up")
		for _, a := range []string{fmt.Sprintf("10.231.0.%d/24", i+1), fmt.Sprintf("fd00:231::%d/64", i+1)} {
			args := []string{"-n", node.ns, "addr", "add", a, "dev", "eth0"}
			if strings.Contains(a, ":") {
				args = append(args, "nodad")
			}
			ip(t, args...)
			node.addrs = append(node.addrs, netip.MustParsePrefix(a).Addr())
		}
		ip(t, "-n", node.ns, "link", "set", "lo", "up")
		ip(t, "-n", node.ns, "link", "set", "eth0", "up")
		w.nodes = append(w.nodes, node)
		if err := Install(t.Context(), node, node.name, node.dir); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// removeNS ends what runs in one of our namespaces, and removes it.
func removeNS(ns string) {
	out, _ := exec.Command("ip", "netns", "pids", ns).Output()
	for _, f := range strings.Fields(string(out)) {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	_ = exec.Command("ip", "netns", "del", ns).Run()
}

// sweep removes what tests left that crashed: their process's number is in the name.
func sweep(t *testing.T) {
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatalf("ip netns list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		ns, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		f := strings.Split(ns, "-")
		if len(f) != 4 || f[0] != nsPrefix {
			continue
		}
		if pid, err := strconv.Atoi(f[1]); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			removeNS(ns)
		}
	}
}

// A nsNode is a Host: commands run in its namespace.

func (n *nsNode) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.ns}, args...)...)
}

func (n *nsNode) Exec(ctx context.Context, cmd cluster.Cmd) (cluster.Output, error) {
	var out, errs strings.Builder
	c := n.command(ctx, cmd.Args...)
	c.Stdin, c.Stdout, c.Stderr = cmd.Stdin, &out, &errs
	if err := c.Run(); err != nil {
		return cluster.Output{}, fmt.Errorf("%s: %s: %w: %s", n.name, strings.Join(cmd.Args, " "), err, errs.String())
	}
	return cluster.Output{Stdout: []byte(out.String()), Stderr: []byte(errs.String())}, nil
}

func (n *nsNode) Put(_ context.Context, path string, r io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", b, mode); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

type cmdPipe struct {
	io.Reader
	io.WriteCloser
	c *exec.Cmd
}

func (p *cmdPipe) Close() error {
	err := p.WriteCloser.Close()
	_ = p.c.Process.Kill()
	_ = p.c.Wait()
	return err
}

func (n *nsNode) Pipe(ctx context.Context, args []string) (io.ReadWriteCloser, error) {
	c := n.command(ctx, args...)
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &cmdPipe{out, in, c}, c.Start()
}

func (n *nsNode) peer(context.Context) ([]netip.Addr, error) { return n.addrs, nil }

// run runs a command on the node and gives what it printed.
func (n *nsNode) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := n.Exec(t.Context(), cluster.Cmd{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return string(out.Stdout)
}

func (n *nsNode) connect(t *testing.T, holder string, lease time.Duration) *Client {
	t.Helper()
	c, err := Connect(t.Context(), n, Options{Node: n.name, Dir: n.dir, Holder: holder, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(false) })
	return c
}

// network connects to all nodes and joins them.
func (w *world) network(t *testing.T) *Net {
	t.Helper()
	var ms []Member
	for _, n := range w.nodes {
		ms = append(ms, Member{n.name, n.connect(t, "run-1", 0), n.peer})
	}
	return NewNet("c1", func() []Member { return ms })
}

// others is what iptables has without the lines of ours.
func (n *nsNode) others(t *testing.T) string {
	var b strings.Builder
	for _, tool := range []string{"iptables", "ip6tables"} {
		for line := range strings.Lines(n.run(t, tool, "-S")) {
			if !strings.Contains(line, chain) {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}
