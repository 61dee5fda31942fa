package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// The labels on everything that Partita makes.
const (
	labelCluster = "dev.partita.cluster"
	labelNode    = "dev.partita.node"
	labelTarget  = "dev.partita.target"
	labelImage   = "dev.partita.image"
)

// ErrNoEngine is the error when no Docker engine answers.
var ErrNoEngine = errors.New("no Docker engine answers")

// engine is a connection to the engine, and what there is to know about it.
type engine struct {
	*client.Client
	host         string // where the engine is
	api          string
	cgroupDriver string // "cgroupfs", "systemd"
}

// connect finds the engine where DOCKER_HOST says, or at its usual socket, and asks it at once.
func connect(ctx context.Context) (*engine, error) {
	c, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("find the Docker engine: %w: check DOCKER_HOST", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ping, err := c.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("ask the Docker engine at %s: %w: %w: run `partita doctor --fix`", c.DaemonHost(), ErrNoEngine, err)
	}
	info, err := c.Info(ctx, client.InfoOptions{})
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("ask the Docker engine at %s about itself: %w", c.DaemonHost(), err)
	}
	if info.Info.OSType != "linux" {
		_ = c.Close()
		return nil, fmt.Errorf("use the Docker engine at %s: it runs %s containers, nodes need linux", c.DaemonHost(), info.Info.OSType)
	}
	return &engine{Client: c, host: c.DaemonHost(), api: ping.APIVersion, cgroupDriver: info.Info.CgroupDriver}, nil
}

// local reports whether the engine runs on this machine, so that its files are this machine's.
func (e *engine) local() bool { return strings.HasPrefix(e.host, "unix://") }

func labelled(label, value string) client.Filters {
	return make(client.Filters).Add("label", label+"="+value)
}

// gone reports whether err says that a thing is not there, or is being removed by somebody else.
func gone(err error) bool {
	return errdefs.IsNotFound(err) || err != nil && strings.Contains(err.Error(), "is already in progress")
}
