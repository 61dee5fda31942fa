//go:build linux

package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/internal/agent"
)

// tryLimit bounds Check.
const tryLimit = 20 * time.Second

// ErrCannot is the error when this machine does not let namespaces be made, or made use of.
var ErrCannot = errors.New("network namespaces cannot be made here")

// Check makes namespaces and what a node needs in them, and throws them away: a fraction of a second. The error wraps
// ErrCannot and says what is missing and what to do.
func Check(ctx context.Context) error {
	binary, err := agent.Binary(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, Command, "try")
	cmd.Stderr, cmd.Dir, cmd.Env = &stderr, "/", []string{"PATH=" + systemPath}
	cmd.SysProcAttr = worldAttr()
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(stderr.String())
		text = strings.TrimPrefix(text, "partita "+Command+" try: ")
		if text == "" {
			text = err.Error()
		}
		if hint := forbidden(); hint != "" {
			text += ": " + hint
		}
		return fmt.Errorf("%w: %s", ErrCannot, text)
	}
	return nil
}

// tryMain is what Check runs in namespaces.
func tryMain(io.Reader) error {
	if os.Getpid() != 1 {
		return errors.New("this is for Partita itself, which calls it in namespaces of its own")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := mountProc(); err != nil {
		return err
	}
	if err := mountTmp("/run", "755"); err != nil {
		return err
	}
	if err := makeBridge(); err != nil {
		return err
	}
	v := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "n1"}, PeerName: "eth0"}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("make a network interface: %w: does the kernel have the module veth?", err)
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		if tool == "ip6tables" && !haveIPv6() {
			continue
		}
		if out, err := exec.Command(tool, "-w", "5", "-S", "INPUT").CombinedOutput(); err != nil {
			return fmt.Errorf("read the rules of %s: %w: %s: install the package iptables, or use a kernel with nf_tables",
				tool, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// forbidden says which setting of this machine keeps an ordinary user from making namespaces, "" when none does.
func forbidden() string {
	if privileged() {
		return ""
	}
	for _, s := range []struct{ file, bad, hint string }{
		{"/proc/sys/user/max_user_namespaces", "0", "user namespaces are switched off: as root `sysctl user.max_user_namespaces=10000`"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "only root may make user namespaces: as root `sysctl kernel.unprivileged_userns_clone=1`"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor forbids user namespaces to ordinary users: as root `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"},
	} {
		if b, err := os.ReadFile(s.file); err == nil && strings.TrimSpace(string(b)) == s.bad {
			return s.hint
		}
	}
	return ""
}

// privileged says whether this process may make namespaces without one for users.
func privileged() bool {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			caps, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			const need = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN
			return err == nil && caps&need == need && os.Geteuid() == 0
		}
	}
	return false
}

// worldAttr is how a process is started that is the first of a world of its own. It has a session of its own, so that
// the terminal's Ctrl-C does not reach it.
func worldAttr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: worlds, Setsid: true, Pdeathsig: syscall.SIGKILL}
	if !privileged() {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}
