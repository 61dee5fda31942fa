package main

import (
	"context"
	"time"

	"github.com/partita-dev/partita/clients"
	etcdclient "github.com/partita-dev/partita/clients/etcd"
	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/cmd"
	"github.com/partita-dev/partita/docker/etcd"
	"github.com/partita-dev/partita/history"
)

// cached is etcd as an application saw it that kept each answer for 100 ms. It promises more than it holds.
func cached() cmd.Target {
	return cmd.Target{
		Name: "etcd-cached", Doc: "etcd 3.4.23 behind clients that answer reads from a cache.", Default: "hot",
		Image: etcd.Image, // Dockerfile and what it copies
		DB:    etcd.New,   // how it is set up, started, stopped, asked
		Driver: func(p history.Params) (clients.Driver, error) {
			d, err := etcdclient.New(p)
			return driver{d}, err
		},
	}
}

// driver opens etcd's own connections, each behind a cache.
type driver struct{ clients.Driver }

func (d driver) Open(ctx context.Context, c *cluster.Cluster, n cluster.Node, process int32) (clients.Conn, error) {
	conn, err := d.Driver.Open(ctx, c, n, process)
	if err != nil {
		return nil, err
	}
	return &cache{Conn: conn}, nil
}

// cache is the connection of one process, which does one operation at a time.
type cache struct {
	clients.Conn
	key   string
	value history.Value
	until time.Time
}

func (c *cache) Invoke(ctx context.Context, op history.Op) (value, ext history.Value, err error) {
	if op.F == "read" && op.Key == c.key && time.Now().Before(c.until) {
		return c.value, ext, nil
	}
	value, ext, err = c.Conn.Invoke(ctx, op)
	if op.F == "read" && err == nil {
		c.key, c.value, c.until = op.Key, value, time.Now().Add(100*time.Millisecond)
	}
	return value, ext, err
}
