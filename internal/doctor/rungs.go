package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker"
	"github.com/partita-dev/partita/internal/netns"
)

// The rungs that a finding may be about. One that is about none of them is about all.
const (
	Docker = "docker"
	Netns  = "netns"
)

// Verdict is what findings mean together: which rungs work, and whether a run can be done.
type Verdict struct {
	Works   []string // rungs without a finding that is wrong
	Missing []string // rungs that are required and do not work
	Common  bool     // what every rung needs is there
}

// OK says whether everything that is required works: the rungs that are named, else any.
func (v Verdict) OK() bool { return v.Common && len(v.Missing) == 0 && len(v.Works) > 0 }

// Judge joins findings. Required names rungs that must work, as PARTITA_REQUIRE=docker,netns does; none: any will do.
func Judge(fs []Finding, required []string) Verdict {
	v := Verdict{Common: true}
	wrong := map[string]bool{}
	for _, f := range fs {
		if !f.OK {
			wrong[f.Rung] = true
		}
	}
	v.Common = !wrong[""]
	for _, r := range []string{Docker, Netns} {
		if !wrong[r] && slices.ContainsFunc(fs, func(f Finding) bool { return f.Rung == r }) {
			v.Works = append(v.Works, r)
		}
	}
	for _, r := range required {
		if !slices.Contains(v.Works, r) {
			v.Missing = append(v.Missing, r)
		}
	}
	return v
}

// Required reads the rungs that must work from PARTITA_REQUIRE and PARTITA_PROVIDER.
func Required(env func(string) string) []string {
	var rs []string
	for _, s := range append(strings.Split(env("PARTITA_REQUIRE"), ","), env("PARTITA_PROVIDER")) {
		if s = strings.TrimSpace(s); s == Docker || s == Netns {
			rs = append(rs, s)
		}
	}
	return rs
}

// namespaces makes the namespaces of a node, and throws them away.
func (m *Machine) namespaces(ctx context.Context) Finding {
	f := Finding{Name: "namespaces", Rung: Netns}
	if err := m.Namespaces(ctx); err != nil {
		f.Detail = firstLine(err.Error())
		f.Fix = "what is said here, or run as root"
		if strings.Contains(f.Detail, "package iptables") {
			f.Fix, f.Fixable = "apt-get install iptables", m.canInstall() == nil
		}
		return f
	}
	f.OK, f.Detail = true, "made, with interfaces and IPv4 and IPv6 rules, by this user"
	return f
}

// programs says where the nodes that have no image get the databases.
func (m *Machine) programs() Finding {
	f := Finding{Name: "databases", Rung: Netns, OK: true}
	var here, packages []string
	for _, p := range m.Programs {
		if m.has(p.Name) {
			here = append(here, p.Name)
		} else {
			packages = append(packages, p.Package)
		}
	}
	if len(here) > 0 {
		f.Detail = strings.Join(here, ", ") + " on this machine"
	} else {
		f.Detail = "none on this machine"
	}
	no := m.Getenv("PARTITA_NO_INSTALL")
	switch {
	case len(packages) == 0:
	case m.has("apt-get") && m.has("dpkg-deb") && (no == "" || no == "0"):
		f.Detail += "; when it is needed, " + strings.Join(packages, ", ") + " is unpacked without root into a cache folder"
	case len(here) == 0:
		f.OK, f.Fix = false, "apt-get install "+strings.Join(packages, " ")
	default:
		f.Detail += "; not " + strings.Join(packages, ", ") + ": install what you want to test"
	}
	return f
}

const (
	wantMemory  = 1 << 30
	wantFiles   = 4096
	wantInotify = 64
)

// memory, files and inotify are what every rung needs of the machine.
func (m *Machine) memory() Finding {
	b, err := os.ReadFile(m.path("/proc/meminfo"))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				break
			}
			f := Finding{Name: "memory", OK: kb<<10 >= wantMemory, Detail: fmt.Sprintf("%.1f GiB available", float64(kb)/(1<<20))}
			if !f.OK {
				f.Detail, f.Fix = f.Detail+", 1 GiB is wanted", "end what uses it, or take fewer nodes"
			}
			return f
		}
	}
	return Finding{Name: "memory", OK: true, Detail: fmt.Sprintf("not known: /proc/meminfo does not say it (%v)", err)}
}

func (m *Machine) files() Finding {
	n, err := m.OpenFiles()
	if err != nil {
		return Finding{Name: "ulimit", OK: true, Detail: fmt.Sprintf("not known: %v", err)}
	}
	f := Finding{Name: "ulimit", OK: n >= wantFiles, Detail: fmt.Sprintf("%d open files may be had", n)}
	if !f.OK {
		f.Detail, f.Fix = f.Detail+fmt.Sprintf(", %d are wanted", wantFiles), fmt.Sprintf("raise the hard limit: ulimit -Hn %d as root, or LimitNOFILE of the service", wantFiles)
	}
	return f
}

func (m *Machine) inotify() Finding {
	b, err := os.ReadFile(m.path("/proc/sys/fs/inotify/max_user_instances"))
	n, errN := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || errN != nil {
		return Finding{Name: "inotify", OK: true, Detail: "not known: this kernel says no limit"}
	}
	f := Finding{Name: "inotify", OK: n >= wantInotify, Detail: fmt.Sprintf("%d watchers for each user", n)}
	if !f.OK {
		f.Detail, f.Fix = f.Detail+fmt.Sprintf(", %d are wanted: databases that watch files fail to start", wantInotify), "sysctl fs.inotify.max_user_instances=512"
	}
	return f
}

// container starts a node and looks whether rules can be set in it. Where its image is not there yet, nothing is
// built for that.
func (m *Machine) container(ctx context.Context) Finding {
	f := Finding{Name: "container", Rung: Docker, OK: true}
	if ok, err := m.Image(ctx, "partita-base"); err != nil || !ok {
		f.Detail = "not tried: the image of nodes is built with the first run"
		return f
	}
	if err := m.Container(ctx); err != nil {
		return Finding{Name: "container", Rung: Docker, Detail: firstLine(err.Error()), Fix: "an engine that gives containers NET_ADMIN, and a kernel with nf_tables"}
	}
	f.Detail = "a node starts, can be logged in to, and takes IPv4 and IPv6 rules (NET_ADMIN)"
	return f
}

// tryContainer makes a cluster of one node and lists its rules.
func tryContainer(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := docker.New(ctx, docker.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.CloseEngine()) }()
	c, err := p.Up(ctx, cluster.Spec{Nodes: 1})
	if err != nil {
		return err
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		_, e := c.Nodes[0].(cluster.Executor).Exec(ctx, cluster.Cmd{Args: []string{tool, "-w", "5", "-S", "INPUT"}})
		err = errors.Join(err, e)
	}
	down, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer stop()
	return errors.Join(err, p.Down(down, c))
}

// enough says on w that the engine is not needed: the namespaces are there. It is false when Docker is required, or
// they are not.
func (m *Machine) enough(ctx context.Context, w io.Writer) bool {
	if slices.Contains(Required(m.Getenv), Docker) || m.Namespaces(ctx) != nil {
		return false
	}
	_, _ = fmt.Fprintln(w, "docker: no engine, and none is needed: nodes are network namespaces of this machine (--provider netns)")
	return true
}

// fixNamespaces sees to it that namespaces can be made, where that needs no more than a package.
func (m *Machine) fixNamespaces(ctx context.Context, w io.Writer) error {
	if !m.has("iptables") && m.canInstall() == nil {
		if err := m.install(ctx, w, []string{"iptables"}); err != nil {
			return err
		}
	}
	if err := m.Namespaces(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w, "netns: namespaces can be made")
	return nil
}

func tryNamespaces(ctx context.Context) error { return netns.Check(ctx) }
