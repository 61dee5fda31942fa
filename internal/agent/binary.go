package agent

import (
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// BinaryEnv names a static binary of Partita that is copied to nodes, instead of looking for one.
const BinaryEnv = "PARTITA_AGENT"

// mainPackage is what is built when the running program cannot be copied.
const mainPackage = "github.com/partita-dev/partita/cmd/partita"

// keepBuilds is how long an older build stays in the cache.
const keepBuilds = 7 * 24 * time.Hour

// Binary gives the path of a static Linux binary of Partita that runs on any node of this architecture: the one
// $PARTITA_AGENT names, else the running program when it is such a one, else one that the go tool builds into the
// user's cache. The running program is not when it was linked to libc, built with -race, or is a test.
func Binary(ctx context.Context) (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("use %s: %w", BinaryEnv, err)
		}
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this binary: %w", err)
	}
	why := portable(self)
	if why == nil {
		return self, nil
	}
	path, err := build(ctx, sources())
	if err != nil {
		return "", fmt.Errorf("find a binary for the nodes: this one cannot be copied (%w), and %w: build one with `CGO_ENABLED=0 go build %s` and name it in %s",
			why, err, mainPackage, BinaryEnv)
	}
	return path, nil
}

// portable says why a binary cannot be copied to a node, nil when it can.
func portable(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s is no Linux binary: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it is linked dynamically")
		}
	}
	bi, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("it was not built by go: %w", err)
	}
	return copyable(bi)
}

// copyable says why a binary that was built so is not for nodes, nil when it is.
func copyable(bi *debug.BuildInfo) error {
	if strings.HasSuffix(bi.Path, ".test") {
		return errors.New("it is a test")
	}
	for _, s := range bi.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return errors.New("it was built with -race")
		}
	}
	return nil
}

// source is a package that can be built, and from where.
type source struct{ pkg, dir string }

// sources are what may be the running program's source: a user's own main package first, then Partita's from where
// we are, then from where this file was compiled.
func sources() []source {
	var s []source
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Path != "" && bi.Path != "command-line-arguments" && !strings.HasSuffix(bi.Path, ".test") {
		s = append(s, source{bi.Path, ""})
	}
	s = append(s, source{mainPackage, ""})
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if _, err := os.Stat(file); err == nil {
			s = append(s, source{mainPackage, filepath.Dir(file)})
		}
	}
	return s
}

// build builds the first of the sources that the go tool can, and gives the path of a file that never changes. The
// go tool itself knows whether anything is to be done: a second build takes a fraction of a second.
func build(ctx context.Context, from []source) (string, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return "", fmt.Errorf("there is no go tool to build one: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no cache folder for a build: %w", err)
	}
	cache = filepath.Join(cache, "partita", "agent")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("the cache folder for a build cannot be made: %w", err)
	}
	var errs []error
	for _, s := range from {
		path, err := buildOne(ctx, tool, cache, s)
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("building one failed: %w", errors.Join(errs...))
}

func buildOne(ctx context.Context, tool, cache string, s source) (string, error) {
	dir, err := filepath.Abs(s.dir)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(s.pkg + "\x00" + dir + "\x00" + runtime.Version() + "\x00" + runtime.GOARCH))
	work := filepath.Join(cache, "work-"+hex.EncodeToString(key[:8]))
	unlock, err := lock(ctx, work+".lock")
	if err != nil {
		return "", fmt.Errorf("wait for another build: %w", err)
	}
	defer unlock()
	c := exec.CommandContext(ctx, tool, "build", "-buildvcs=false", "-ldflags", "-s -w", "-o", work, s.pkg)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w: %s", s.pkg, err, tail(string(out)))
	}
	return keepBuild(cache, work)
}

// keepBuild copies a build to a name that its content gives, so that nobody reads it while it is built again, and
// throws away old ones.
func keepBuild(cache, work string) (string, error) {
	f, err := os.Open(work)
	if err != nil {
		return "", fmt.Errorf("open the build: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read the build: %w", err)
	}
	path := filepath.Join(cache, "partita-"+hex.EncodeToString(h.Sum(nil)[:16]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("look for the build: %w", err)
	}
	b, err := os.ReadFile(work)
	if err != nil {
		return "", fmt.Errorf("read the build: %w", err)
	}
	if err := writeFile(path, b); err != nil {
		return "", fmt.Errorf("keep the build: %w", err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return "", fmt.Errorf("keep the build: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(cache, "partita-*"))
	if err != nil {
		return path, nil
	}
	for _, o := range old {
		if fi, err := os.Stat(o); err == nil && o != path && time.Since(fi.ModTime()) > keepBuilds {
			_ = os.Remove(o) // it is only a cache
		}
	}
	return path, nil
}
