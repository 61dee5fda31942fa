package agent

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

func TestTheBinaryForNodes(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := portable(self); err == nil {
		t.Error("a test would be copied to nodes")
	}
	if err := portable("binary.go"); err == nil || !strings.Contains(err.Error(), "no Linux binary") {
		t.Errorf("a text file: %v", err)
	}
	for _, bi := range []debug.BuildInfo{{Path: "x/y.test"}, {Path: "x/y", Settings: []debug.BuildSetting{{Key: "-race", Value: "true"}}}} {
		if copyable(&bi) == nil {
			t.Errorf("%+v would be copied to nodes", bi)
		}
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skipf("NOT RUN: %s (no go tool)", t.Name())
	}
	goCache, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOCACHE", strings.TrimSpace(string(goCache))) // which else goes with the next line, and all is built anew
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	from := []source{{"example.org/no/such/package", ""}, {"./testdata/tiny", ""}}
	path, err := build(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := portable(path); err != nil {
		t.Errorf("what was built cannot be copied: %v", err)
	}
	if again, err := build(t.Context(), from); err != nil || again != path {
		t.Errorf("built again: %s %v, expected %s", again, err, path)
	}
	if _, err := build(t.Context(), from[:1]); err == nil || !strings.Contains(err.Error(), "no/such/package") {
		t.Errorf("what cannot be built: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".tmp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v %v", left, err)
	}

	// A plain binary says what it is for.
	out, err := exec.CommandContext(t.Context(), path, "agent").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "expected one of start") {
		t.Errorf("%s %v", out, err)
	}
}

func TestNoBinaryForNodesSaysWhatToDo(t *testing.T) {
	t.Setenv(BinaryEnv, "/no/such/file")
	if _, err := Binary(t.Context()); err == nil || !strings.Contains(err.Error(), BinaryEnv) {
		t.Errorf("a wrong %s: %v", BinaryEnv, err)
	}
	t.Setenv(BinaryEnv, "")
	t.Setenv("PATH", t.TempDir())
	if _, err := Binary(context.Background()); err == nil || !strings.Contains(err.Error(), BinaryEnv) || !strings.Contains(err.Error(), "CGO_ENABLED=0 go build") {
		t.Errorf("no go tool: %v", err)
	}
}
