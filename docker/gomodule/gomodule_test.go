package gomodule

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program is built once, whole, and taken from the cache afterwards; a module that is a folder stands for one of the world.
func TestAServerIsBuiltOnce(t *testing.T) {
	cache := t.TempDir()
	cacheIn(t, cache)
	var said []string
	log := func(s string) { said = append(said, s) }
	s := Server{Name: "hello", Module: "golang.org/x/sync", Version: onlyVersion(t), Main: "package main\n\nimport (\n\t\"os\"\n\n\t_ \"golang.org/x/sync/errgroup\"\n)\n\nfunc main() { _, _ = os.Stdout.WriteString(\"hello\") }\n"}
	program, err := Build(t.Context(), s, log)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "hello")
	if err := os.WriteFile(file, program, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(file).Output(); err != nil || string(out) != "hello" {
		t.Errorf("it says %q, %v", out, err)
	}
	n := len(said)
	again, err := Build(t.Context(), s, log)
	if err != nil || string(again) != string(program) || len(said) != n || n == 0 {
		t.Errorf("the second time: %v, said %q", err, said)
	}
	left, err := filepath.Glob(filepath.Join(cache, "partita", "servers", "build-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// cacheIn moves the user's cache folder, but not that of the go tool.
func cacheIn(t *testing.T, dir string) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(out)))
	t.Setenv("XDG_CACHE_HOME", dir)
}

// onlyVersion is the version of a module that this one's own build has, and therefore the module cache.
func onlyVersion(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "golang.org/x/sync").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestAServerThatCannotBeBuilt(t *testing.T) {
	cacheIn(t, t.TempDir())
	for _, c := range []struct {
		s    Server
		says string
	}{
		{Server{Name: "x", Module: "golang.org/x/sync", Version: "latest"}, "is no version"},
		{Server{Name: "x", Module: "golang.org/x/sync", Version: "v1.0.0/../../x"}, "is no version"},
		{Server{Name: "x", Module: "golang.org/x/sync", Version: onlyVersion(t), Main: "package main\n\nfunc main() { none }\n"}, "undefined: none"},
	} {
		if _, err := Build(t.Context(), c.s, func(string) {}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v", c.s.Version, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(t.Context(), Server{Name: "x", Module: "m", Version: "v1.0.0"}, func(string) {}); err == nil || !strings.Contains(err.Error(), "install Go") {
		t.Errorf("without a go tool: %v", err)
	}
}
