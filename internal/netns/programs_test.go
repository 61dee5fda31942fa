//go:build linux

package netns

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/cluster"
)

// bare is a machine without databases, whose apt is a stand-in: it knows one package after an update.
func bare(t *testing.T) (s *store, ran *[]string) {
	cache := filepath.Join(t.TempDir(), "cache")
	ran = new([]string)
	updated := false
	return &store{
		cache: func() (string, error) { return cache, nil },
		host:  func(name string) bool { return name == "here" },
		run: func(_ context.Context, dir string, args ...string) (string, error) {
			line := strings.Join(args, " ")
			*ran = append(*ran, line)
			switch {
			case slices.Contains(args, "update"):
				updated = true
			case slices.Contains(args, "-s") && !updated:
				return "", errors.New("E: Unable to locate package thedb-server")
			case slices.Contains(args, "-s"):
				return "Reading...\nInst libdb5 (1.2 stable)\nInst thedb-server (1.0 stable)\nConf libdb5 (1.2)\n", nil
			case slices.Contains(args, "download"):
				for _, p := range args[slices.Index(args, "download")+1:] {
					if err := os.WriteFile(filepath.Join(dir, p+"_1.0_amd64.deb"), nil, 0o644); err != nil {
						return "", err
					}
				}
			case args[0] == "dpkg-deb":
				root := args[3]
				if strings.Contains(args[2], "libdb5") {
					return "", errors.Join(os.MkdirAll(filepath.Join(root, "usr/lib/x"), 0o755), os.WriteFile(filepath.Join(root, "usr/lib/x/libdb.so.5"), nil, 0o644))
				}
				return "", errors.Join(os.MkdirAll(filepath.Join(root, "usr/sbin"), 0o755), os.WriteFile(filepath.Join(root, "usr/sbin/thedb"), nil, 0o755))
			}
			return "", nil
		},
	}, ran
}

var thedb = []cluster.Program{{Name: "here", Package: "here"}, {Name: "thedb", Package: "thedb-server"}}

func TestAProgramThatTheHostHasNotIsUnpacked(t *testing.T) {
	s, ran := bare(t)
	quiet := func(string) {}
	dir, err := s.provide(t.Context(), thedb, quiet)
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(dir, "bin", "thedb"))
	want := "#!/bin/sh\nLD_LIBRARY_PATH=/run/partita-programs/root/usr/lib/x exec /run/partita-programs/root/usr/sbin/thedb \"$@\"\n"
	if err != nil || string(script) != want {
		t.Fatalf("the script: %v\n%s\nexpected\n%s", err, script, want)
	}
	if !slices.ContainsFunc(*ran, func(l string) bool { return strings.HasSuffix(l, "download libdb5 thedb-server") }) {
		t.Fatalf("ran %q", *ran)
	}
	n := len(*ran)
	if again, err := s.provide(t.Context(), thedb, quiet); err != nil || again != dir || len(*ran) != n {
		t.Fatalf("a second time: %q, %v, ran %q", again, err, (*ran)[n:])
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "work-*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left: %v, %v", left, err)
	}
}

func TestWhatTheHostHasIsNotUnpacked(t *testing.T) {
	s, ran := bare(t)
	if dir, err := s.provide(t.Context(), thedb[:1], nil); err != nil || dir != "" || len(*ran) > 0 {
		t.Fatalf("%q, %v, ran %q", dir, err, *ran)
	}
}

func TestWhoForbidsToInstallIsToldWhatIsMissing(t *testing.T) {
	s, ran := bare(t)
	s.forbid = true
	_, err := s.provide(t.Context(), thedb, nil)
	if err == nil || !strings.Contains(err.Error(), "apt-get install thedb-server") || len(*ran) > 0 {
		t.Fatalf("%v, ran %q", err, *ran)
	}
}

// TestARealPackageIsUnpackedAndRuns needs a mirror, and does no more than a node would.
func TestARealPackageIsUnpackedAndRuns(t *testing.T) {
	p := provider(t)
	if _, err := exec.LookPath("apt-get"); err != nil || os.Getenv("PARTITA_MIRROR") == "" {
		t.Skipf("NOT RUN: %s (PARTITA_MIRROR=1 allows to download a package of Debian)", t.Name())
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx := soon(t)
	c, err := p.Up(ctx, cluster.Spec{Nodes: 1, Programs: []cluster.Program{{Name: "hello", Package: "hello"}}, Log: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Down(context.Background(), c) }()
	if said := on(t, c.Nodes[0], "hello"); said != "Hello, world!" {
		t.Fatalf("it says %q", said)
	}
}
