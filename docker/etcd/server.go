package etcd

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing/fstest"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/docker/gomodule"
	"github.com/partita-dev/partita/history"
)

// debian is the version of Debian 12's package.
const debian = "3.4.23"

// builtRE is a version whose server is a Go module of its own.
var builtRE = regexp.MustCompile(`^3\.[5-9]\.\d+$`)

// versionOf reads the parameter "version".
func versionOf(p history.Params) (string, error) {
	v := p.String("version", debian)
	if v != debian && !builtRE.MatchString(v) {
		return "", fmt.Errorf("parameter version=%q: choose %s, which is Debian's, or a version from 3.5.0 on such as 3.5.7, which is built here", v, debian)
	}
	return v, nil
}

// main is the server's program: etcd's own main function.
const source = `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`

// Files gives the Dockerfile of a node and what it copies: Debian's package, or with the parameter "version" the server of
// that version, built on this machine from its Go module.
func Files(ctx context.Context, p history.Params, log func(string)) (fs.FS, error) {
	v, err := versionOf(p)
	if err != nil || v == debian {
		return Image, err
	}
	server, err := gomodule.Build(ctx, gomodule.Server{Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Version: "v" + v, Main: source}, log)
	if err != nil {
		return nil, err
	}
	return fstest.MapFS{
		"Dockerfile": {Data: []byte("ARG BASE=debian:bookworm-slim\nFROM ${BASE}\nCOPY etcd /usr/local/bin/etcd\n"), Mode: 0o644},
		"etcd":       {Data: server, Mode: 0o755},
	}, nil
}

// setting is one of a member's, by the name that its flag and its line in a configuration file have.
type setting struct{ name, value string }

// command gives a member's arguments. Before 3.6 the number of entries that stay behind a snapshot is no flag, and a
// configuration file takes the place of all flags: it is then the second result, for configFile.
func (d DB) command(n cluster.Node, ss []setting) (args []string, file string) {
	if !strings.HasPrefix(d.version, "3.6.") && !strings.HasPrefix(d.version, "3.7.") {
		ss = append(ss, setting{"enable-v2", "false"})
		if d.snapshots > 0 {
			var b strings.Builder
			for _, s := range ss {
				fmt.Fprintf(&b, "%s: %s\n", s.name, yamlOf(s))
			}
			fmt.Fprintf(&b, "snapshot-count: %d\nSnapshotCatchUpEntries: %d\n", d.snapshots, d.snapshots)
			return []string{daemon, "--config-file", configFile(n)}, b.String()
		}
	}
	args = []string{daemon}
	for _, s := range ss {
		args = append(args, "--"+s.name+"="+s.value)
	}
	if d.snapshots > 0 {
		args = append(args, fmt.Sprintf("--snapshot-count=%d", d.snapshots), fmt.Sprintf("--snapshot-catchup-entries=%d", d.snapshots))
	}
	return args, ""
}

func configFile(n cluster.Node) string { return path.Join(path.Dir(logFile(n)), "etcd.yaml") }

// yamlOf is a setting's value in a configuration file.
func yamlOf(s setting) string {
	switch s.name {
	case "enable-v2":
		return s.value
	case "log-outputs":
		return "[" + s.value + "]"
	}
	return fmt.Sprintf("%q", s.value)
}
