package doctor

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"strings"

	"github.com/partita-dev/partita/docker"
)

// Finding is one thing that Partita needs of the machine.
type Finding struct {
	Name    string `json:"name"`           // "docker", "iptables", …
	Rung    string `json:"rung,omitempty"` // which way to get nodes needs it: Docker, Netns; "" every one
	OK      bool   `json:"ok"`
	Detail  string `json:"detail"`        // what was seen
	Fix     string `json:"fix,omitempty"` // the command, or the act, that mends it; "" when OK
	Fixable bool   `json:"fixable"`       // Fix would do it
}

const wantFree = 3 << 30 // a base image, one for a target, and what three databases write

// Check looks at the machine Partita runs on and changes nothing.
func Check(ctx context.Context) []Finding { return Here().Check(ctx) }

// Check looks at the machine and changes nothing. The findings are in the order in which to mend them.
func (m *Machine) Check(ctx context.Context) []Finding {
	fs := []Finding{m.disk(), m.memory(), m.files(), m.inotify(), m.agent()}
	engine := []Finding{m.root(ctx), m.iptables(ctx), m.docker(ctx), m.base(ctx)}
	for _, f := range engine {
		f.Rung = Docker
		fs = append(fs, f)
	}
	if engine[2].OK {
		fs = append(fs, m.container(ctx))
	}
	return append(fs, m.namespaces(ctx), m.programs())
}

func (m *Machine) root(ctx context.Context) Finding {
	if m.UID == 0 {
		return Finding{Name: "root", OK: true, Detail: "running as root"}
	}
	if _, err := m.Ping(ctx); err == nil {
		return Finding{Name: "root", OK: true, Detail: fmt.Sprintf("running as uid %d, who may use the engine", m.UID)}
	}
	return Finding{Name: "root", Detail: fmt.Sprintf("running as uid %d: the engine must be one this user may use, and nothing can be installed", m.UID),
		Fix: "run partita as root, or join the group docker"}
}

// canInstall is nil when Fix may install packages here.
func (m *Machine) canInstall() error {
	switch {
	case m.Getenv("PARTITA_NO_INSTALL") != "" && m.Getenv("PARTITA_NO_INSTALL") != "0":
		return fmt.Errorf("PARTITA_NO_INSTALL forbids installing: unset it, or install by hand")
	case m.UID != 0:
		return fmt.Errorf("only root can install packages: run as root, or install by hand")
	case !m.has("apt-get"):
		return fmt.Errorf("only Debian and Ubuntu are installed on (no apt-get here): install an engine by hand")
	}
	return nil
}

func (m *Machine) docker(ctx context.Context) Finding {
	v, err := m.Ping(ctx)
	if err == nil {
		return Finding{Name: "docker", OK: true, Detail: "engine answers, API " + v}
	}
	f := Finding{Name: "docker", Detail: "no engine answers: " + firstLine(err.Error()), Fix: "partita doctor --fix"}
	if m.has("dockerd") {
		f.Detail += " (dockerd is installed but not running)"
		f.Fixable = m.UID == 0
	} else {
		f.Fixable = m.canInstall() == nil
	}
	if !f.Fixable {
		f.Fix = "install docker.io (Debian) and start dockerd, or point DOCKER_HOST at an engine"
	}
	return f
}

func (m *Machine) iptables(ctx context.Context) Finding {
	f := Finding{Name: "iptables", OK: true, Detail: "the kernel takes IPv4 and IPv6 rules"}
	if !m.has("iptables") || !m.has("ip6tables") {
		return Finding{Name: "iptables", Detail: "iptables is not installed (the engine needs it)", Fix: "apt-get install iptables", Fixable: m.canInstall() == nil}
	}
	if m.UID != 0 {
		f.Detail = "installed; whether the kernel takes rules only root can see"
		return f
	}
	for _, prog := range []string{"iptables", "ip6tables"} {
		var out bytes.Buffer
		if err := m.Run(ctx, &out, prog, "-w", "5", "-S", "INPUT"); err != nil {
			return Finding{Name: "iptables", Detail: fmt.Sprintf("%s -S INPUT: %v: %s", prog, err, firstLine(out.String())),
				Fix: "use a kernel with ip_tables/nf_tables for IPv4 and IPv6: network faults need both"}
		}
	}
	return f
}

func (m *Machine) base(ctx context.Context) Finding {
	if ok, err := m.Image(ctx, docker.BaseImage); err == nil && ok {
		return Finding{Name: "base image", OK: true, Detail: docker.BaseImage + " is there"}
	}
	if m.has("debootstrap") && m.UID == 0 {
		return Finding{Name: "base image", OK: true, Detail: docker.BaseImage + " will be pulled, or made with debootstrap when no registry answers"}
	}
	return Finding{Name: "base image", Detail: docker.BaseImage + " is not there, and debootstrap (to make it when no registry answers) is not either",
		Fix: "docker pull " + docker.BaseImage + ", or as root: apt-get install debootstrap", Fixable: m.canInstall() == nil}
}

func (m *Machine) disk() Finding {
	where := m.path("/var/lib/docker")
	n, err := m.Free(where)
	if err != nil {
		where = m.path("/var/lib")
		n, err = m.Free(where)
	}
	if err != nil {
		return Finding{Name: "disk", OK: true, Detail: fmt.Sprintf("not known: %v", err)}
	}
	f := Finding{Name: "disk", OK: n >= wantFree, Detail: fmt.Sprintf("%.1f GiB free at %s", float64(n)/(1<<30), where)}
	if !f.OK {
		f.Detail += ", 3 GiB are wanted"
		f.Fix = "docker image prune, or free space at " + where
	}
	return f
}

// agent says where the nodes' static binary would come from.
func (m *Machine) agent() Finding {
	if p := m.Getenv("PARTITA_AGENT"); p != "" {
		if _, err := os.Stat(p); err != nil {
			return Finding{Name: "agent", Detail: fmt.Sprintf("PARTITA_AGENT: %v", err), Fix: "unset PARTITA_AGENT, or point it at a static partita binary"}
		}
		return Finding{Name: "agent", OK: true, Detail: "PARTITA_AGENT: " + p}
	}
	if exe, err := os.Executable(); err == nil && static(exe) {
		return Finding{Name: "agent", OK: true, Detail: "this binary is static and goes to the nodes as it is"}
	}
	if m.has("go") {
		return Finding{Name: "agent", OK: true, Detail: "the go tool builds it once"}
	}
	return Finding{Name: "agent", Detail: "this binary is not static, and there is no go tool to build one that is",
		Fix: "build partita with CGO_ENABLED=0, or set PARTITA_AGENT"}
}

func static(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
