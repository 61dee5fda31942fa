package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/partita-dev/partita/internal/ssh"
)

const (
	sshPort = 22
	dataDir = "/var/lib/partita"
	// maxFiles: some servers sweep every possible descriptor at their start, which takes seconds with huge limits.
	maxFiles = 20000
)

func containerName(id, node string) string { return "partita-" + id + "-" + node }

// createLimit bounds a request that makes something.
const createLimit = 60 * time.Second

// uncut is the context of a request that makes something. The engine goes on with a request that its caller gave
// up: what was made then appears after the removal looked for it, and stays. So it is waited for.
func uncut(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), createLimit)
}

// create makes and starts the container of a node, with its keys in place before sshd runs.
func (e *engine) create(ctx context.Context, r record, node string, user, host ssh.Key) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("make the container of %s: %w", node, err)
	}
	whole, cancel := uncut(ctx)
	defer cancel()
	init := true
	name := containerName(r.ID, node)
	hc := &container.HostConfig{
		Init:        &init,
		CapAdd:      []string{"NET_ADMIN"}, // and nothing more: SYS_TIME would set the clock of the whole machine
		NetworkMode: container.NetworkMode(networkName(r.ID)),
		// The engine turns IPv6 on for the network's interface alone and leaves ::1 out, which no real host does.
		Sysctls: map[string]string{
			"net.ipv6.conf.all.disable_ipv6": "0", "net.ipv6.conf.default.disable_ipv6": "0", "net.ipv6.conf.lo.disable_ipv6": "0",
		},
		Resources: container.Resources{Ulimits: []*container.Ulimit{{Name: "nofile", Soft: maxFiles, Hard: maxFiles}}},
	}
	// All containers together would share one CPU group and starve beside busy host processes. Under systemd a
	// parent must be a slice, and slices nest by their dashes, so there the engine's own choice is left.
	if e.cgroupDriver == "cgroupfs" {
		hc.CgroupParent = "/" + name
	}
	_, err := e.ContainerCreate(whole, client.ContainerCreateOptions{
		Name: name,
		Config: &container.Config{
			Hostname: node,
			Image:    r.Image,
			Cmd:      []string{"/usr/sbin/sshd", "-D", "-e"}, // whatever a target's image starts
			Labels:   map[string]string{labelCluster: r.ID, labelNode: node, labelTarget: r.Target},
		},
		HostConfig: hc,
		NetworkingConfig: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			networkName(r.ID): {Aliases: []string{node}},
		}},
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("make the container of %s: %w", node, err)
	}
	keys, err := keyFiles(user, host)
	if err == nil {
		_, err = e.CopyToContainer(ctx, name, client.CopyToContainerOptions{DestinationPath: "/", Content: keys})
	}
	if err != nil {
		return fmt.Errorf("put the keys of %s into its container: %w", node, err)
	}
	if _, err := e.ContainerStart(whole, name, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("start the container of %s: %w", node, err)
	}
	return nil
}

// keyFiles is the archive that lets the controller in and lets it know that it is in the right place.
func keyFiles(user, host ssh.Key) (*bytes.Buffer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{
		{"root/.ssh/", 0o700, nil},
		{"root/.ssh/authorized_keys", 0o600, []byte(user.Authorized + "\n")},
		{"etc/ssh/partita_host_key", 0o600, host.Private},
	} {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg}
		if f.data == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return &buf, w.Close()
}

// peer asks for a node's addresses, which change when its container starts again; IPv4 first.
func (e *engine) peer(ctx context.Context, id, node string) ([]netip.Addr, error) {
	c, err := e.ContainerInspect(ctx, containerName(id, node), client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: ask the engine for its addresses: %w", node, err)
	}
	if s := c.Container.State; s == nil || !s.Running {
		state := "not running"
		if s != nil {
			state = fmt.Sprintf("%s (exit status %d)", s.Status, s.ExitCode)
		}
		return nil, fmt.Errorf("%s: its container is %s: start it with `docker start %s`, or take the cluster down", node, state, containerName(id, node))
	}
	var addrs []netip.Addr
	if ep := c.Container.NetworkSettings.Networks[networkName(id)]; ep != nil {
		for _, a := range []netip.Addr{ep.IPAddress, ep.GlobalIPv6Address} {
			if a.IsValid() {
				addrs = append(addrs, a)
			}
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s: the engine gives it no address on the cluster's network", node)
	}
	return addrs, nil
}

// dial connects to a port of a node from the host.
func (e *engine) dial(ctx context.Context, id, node string, port int) (net.Conn, error) {
	addrs, err := e.peer(ctx, id, node)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(addrs[0].String(), strconv.Itoa(port)))
}

// removeGroups removes the CPU groups that were a cluster's containers' parents: the engine makes them and leaves
// them. They are empty by now; one that is not, is not ours to remove.
func removeGroups(id string) {
	for _, pattern := range []string{"/sys/fs/cgroup/partita-%s-*", "/sys/fs/cgroup/*/partita-%s-*"} {
		dirs, _ := filepath.Glob(fmt.Sprintf(pattern, id))
		for _, d := range dirs {
			_ = os.Remove(d)
		}
	}
}
