package doctor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/docker"
)

// Fix mends the machine Partita runs on; env is os.Getenv or a stand-in for it. See Machine.Fix.
func Fix(ctx context.Context, w io.Writer, env func(string) string) error {
	m := Here()
	if env != nil {
		m.Getenv = env
	}
	return m.Fix(ctx, w)
}

// Fix installs what is missing and starts the engine, and says on w what it is about to do. It ends when the
// engine answers. With an engine that answers and everything installed it does nothing and says so.
func (m *Machine) Fix(ctx context.Context, w io.Writer) error {
	v, pingErr := m.Ping(ctx)
	if required := Required(m.Getenv); pingErr != nil && len(required) > 0 && !slices.Contains(required, Docker) {
		return m.fixNamespaces(ctx, w)
	}
	if pingErr != nil && m.canInstall() != nil && m.enough(ctx, w) {
		return nil
	}
	if missing := m.missing(ctx, pingErr == nil); len(missing) > 0 {
		err := m.canInstall()
		if err == nil {
			err = m.install(ctx, w, missing)
		} else {
			err = fmt.Errorf("install %s: %w", strings.Join(missing, ", "), err)
		}
		if err != nil {
			return err
		}
	}
	if pingErr == nil {
		_, _ = fmt.Fprintf(w, "docker: the engine answers, API %s\n", v)
		return nil
	}
	if h := m.Getenv("DOCKER_HOST"); h != "" && h != "unix:///var/run/docker.sock" {
		return fmt.Errorf("reach the engine at DOCKER_HOST=%s: %w: start it there, or unset DOCKER_HOST to use one here", h, pingErr)
	}
	if m.UID != 0 {
		return fmt.Errorf("reach the engine: %w: only root can start it: run as root, or start dockerd by hand", pingErr)
	}
	return m.start(ctx, w)
}

// missing names the packages that are needed and not there. What an engine elsewhere or a present image makes
// unnecessary is not asked for.
func (m *Machine) missing(ctx context.Context, engine bool) []string {
	var p []string
	if !engine && !m.has("dockerd") {
		p = append(p, "docker.io")
	}
	if !engine && !m.has("iptables") {
		p = append(p, "iptables")
	}
	if !m.has("debootstrap") {
		if present, err := m.Image(ctx, docker.BaseImage); !engine || err != nil || !present {
			p = append(p, "debootstrap")
		}
	}
	return p
}

func (m *Machine) install(ctx context.Context, w io.Writer, packages []string) error {
	_, _ = fmt.Fprintf(w, "installing %s with apt-get (PARTITA_NO_INSTALL=1 forbids it)\n", strings.Join(packages, ", "))
	begin := time.Now()
	steps := [][]string{
		{"apt-get", "-q", "update"},
		append([]string{"apt-get", "-q", "install", "-y", "--no-install-recommends"}, packages...),
	}
	for _, args := range steps {
		var out bytes.Buffer
		if err := m.Run(ctx, &out, args...); err != nil {
			return fmt.Errorf("%s: %w: %s: install the packages by hand and try again", strings.Join(args, " "), err, tail(out.String(), 8))
		}
	}
	_, _ = fmt.Fprintf(w, "installed in %.0f s\n", time.Since(begin).Seconds())
	return nil
}

const (
	dockerPid     = "/var/run/docker.pid"
	containerdPid = "/var/run/docker/containerd/containerd.pid"
	dockerLog     = "/var/log/dockerd.log"
)

// start starts the engine: through systemd where it runs, else as a process of its own. A dockerd that runs
// already (a package's script may have started it) is only waited for.
func (m *Machine) start(ctx context.Context, w io.Writer) error {
	begin := time.Now()
	hint := "see " + m.path(dockerLog)
	switch _, err := os.Stat(m.path("/run/systemd/system")); {
	case err == nil:
		hint = "see journalctl -u docker"
		_, _ = fmt.Fprintln(w, "starting the engine: systemctl start docker")
		var out bytes.Buffer
		if err := m.Run(ctx, &out, "systemctl", "start", "docker"); err != nil {
			return fmt.Errorf("systemctl start docker: %w: %s: %s", err, tail(out.String(), 4), hint)
		}
	case m.running("dockerd"):
		_, _ = fmt.Fprintln(w, "dockerd runs but does not answer yet: waiting for it")
	default:
		for file, daemon := range map[string]string{dockerPid: "dockerd", containerdPid: "containerd"} {
			if err := m.removeStale(w, file, daemon); err != nil {
				return err
			}
		}
		dockerd, err := m.Look("dockerd")
		if err != nil {
			return fmt.Errorf("start the engine: find dockerd: %w", err)
		}
		_, _ = fmt.Fprintf(w, "starting the engine: %s, log in %s\n", dockerd, m.path(dockerLog))
		if err := m.Spawn(m.path(dockerLog), dockerd); err != nil {
			return fmt.Errorf("start %s: %w", dockerd, err)
		}
	}
	v, err := m.await(ctx)
	if err != nil {
		log, _ := os.ReadFile(m.path(dockerLog))
		return fmt.Errorf("wait for the engine: %w: %s: %s", err, hint, tail(string(log), 3))
	}
	_, _ = fmt.Fprintf(w, "docker: the engine answers after %.1f s, API %s\n", time.Since(begin).Seconds(), v)
	return nil
}

// await asks until the engine answers or Wait is over.
func (m *Machine) await(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, m.Wait)
	defer cancel()
	tick := time.NewTicker(m.Every)
	defer tick.Stop()
	for {
		v, err := m.Ping(ctx)
		if err == nil {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-tick.C:
		}
	}
}

// tail is the last n lines, joined.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, " | ")
}
