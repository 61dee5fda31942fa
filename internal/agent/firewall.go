package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// lockWait is how many seconds iptables waits for another that is at work (legacy tables have one lock).
	lockWait = "5"
	// undoLimit is how long undoing everything may take before it counts as failed.
	undoLimit = 15 * time.Second
	// setTries is how often rules are set anew when somebody else changed the table at the same time.
	setTries = 3
)

// firewall sets the node's rules. It keeps no copy of them: what the kernel has is read each time.
type firewall struct {
	mu sync.Mutex
	// run runs one of the iptables commands; tests replace it.
	run func(ctx context.Context, stdin string, args ...string) (string, error)
	// ipv6 says whether the kernel has IPv6.
	ipv6 func() bool
}

func newFirewall() *firewall { return &firewall{run: runTool, ipv6: haveIPv6} }

// haveIPv6 says whether the kernel has IPv6 and it is not switched off.
func haveIPv6() bool {
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		return false
	}
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/all/disable_ipv6")
	return err != nil || strings.TrimSpace(string(b)) != "1"
}

// set makes drop the whole of what this node must not hear, and says what is set afterwards.
func (f *firewall) set(ctx context.Context, drop []netip.Addr) (string, error) {
	v4, v6, err := checkDrop(drop)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var (
		wg     sync.WaitGroup
		texts  [2]string
		errs   [2]error
		family = func(i int, tool string, drop []netip.Addr) {
			wg.Go(func() { texts[i], errs[i] = f.family(ctx, tool, drop) })
		}
	)
	family(0, "iptables", v4)
	if f.ipv6() {
		family(1, "ip6tables", v6)
	} else {
		// Nothing can be heard over a protocol that is not there.
		texts[1] = "# ip6tables: IPv6 is off on this node\n"
	}
	wg.Wait()
	return texts[0] + texts[1], errors.Join(errs[:]...)
}

// standing says whether rules of ours are set, or cannot be read.
func (f *firewall) standing(ctx context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	tools := []string{"iptables"}
	if f.ipv6() {
		tools = append(tools, "ip6tables")
	}
	for _, tool := range tools {
		r, err := f.read(ctx, tool)
		if err == nil && (r.chain || r.jumps > 0) || err != nil && !errors.Is(err, exec.ErrNotFound) {
			return true
		}
	}
	return false
}

// family sets the rules of one family. The table may change between reading and setting it, since others use it
// too: then the restore fails as a whole or the check afterwards does, and it is done again.
func (f *firewall) family(ctx context.Context, tool string, drop []netip.Addr) (string, error) {
	var last error
	for range setTries {
		now, err := f.read(ctx, tool)
		if errors.Is(err, exec.ErrNotFound) && len(drop) == 0 {
			return "# " + tool + ": not installed\n", nil // so nothing of ours can be there
		}
		if err != nil {
			return "", err
		}
		in, err := restore(now, drop)
		if err != nil {
			return "", err
		}
		if in != "" {
			if _, last = f.run(ctx, in, tool+"-restore", "--noflush", "-w", lockWait); last != nil {
				last = fmt.Errorf("set the rules of %s: %w", tool, last)
				continue
			}
			if now, err = f.read(ctx, tool); err != nil {
				return "", err
			}
		}
		text := "# " + tool + "\n" + strings.Join(append(now.lines(), ""), "\n")
		if last = now.verify(drop); last == nil {
			return text, nil
		}
		last = fmt.Errorf("set the rules of %s: %w", tool, last)
	}
	return "", last
}

func (f *firewall) read(ctx context.Context, tool string) (rules, error) {
	out, err := f.run(ctx, "", tool, "-w", lockWait, "-S")
	if err != nil {
		return rules{}, fmt.Errorf("read the rules of %s: %w", tool, err)
	}
	return parseRules(out), nil
}

// runTool runs a command of iptables. A session over SSH often has no sbin in its PATH.
func runTool(ctx context.Context, stdin string, args ...string) (string, error) {
	path, err := exec.LookPath(args[0])
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/local/sbin/"} {
		if err == nil {
			break
		}
		if _, e := os.Stat(dir + args[0]); e == nil {
			path, err = dir+args[0], nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w: install the package iptables on the node", args[0], err)
	}
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, path, args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &stdout, &stderr
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, tail(stderr.String()))
	}
	return stdout.String(), nil
}

// tail is the end of what a command said, on one line.
func tail(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[max(0, len(s)-300):]
}

// info says what the node's firewall is.
func (f *firewall) info(ctx context.Context) Info {
	version := func(tool string) string {
		out, err := f.run(ctx, "", tool, "--version")
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(out)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		kernel = []byte(err.Error())
	}
	return Info{
		Kernel:   strings.TrimSpace(string(kernel)),
		IPTables: version("iptables"), IP6Tables: version("ip6tables"),
		IPv6: f.ipv6(),
	}
}
