// Package gomodule builds the server of a target from its Go module, at any version that its module has, on the machine of
// the controller, with that machine's go tool.
package gomodule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Server is a program of a module.
type Server struct {
	Name    string // of the program, and of its folder in the cache
	Module  string // "go.etcd.io/etcd/server/v3"
	Version string // "v3.5.7"
	Main    string // the source of its main package, which imports the module
}

// versionRE is a version of a module that was tagged.
var versionRE = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

// Build gives the program, static, for this machine's kind of processor. It is kept in the user's cache folder: a version is
// built once. log hears of what takes long.
func Build(ctx context.Context, s Server, log func(string)) ([]byte, error) {
	b, err := s.build(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("build %s %s from its Go module: %w", s.Name, s.Version, err)
	}
	return b, nil
}

func (s Server) build(ctx context.Context, log func(string)) ([]byte, error) {
	if !versionRE.MatchString(s.Version) {
		return nil, fmt.Errorf("%q is no version: expected one such as v3.5.7", s.Version)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("there is no cache folder to keep it in: %w", err)
	}
	kept := filepath.Join(cache, "partita", "servers", s.Name+"-"+s.Version+"-"+runtime.GOARCH)
	if b, err := os.ReadFile(kept); err == nil {
		return b, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, fmt.Errorf("there is no go tool: install Go, or take the version that the target has without --version: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(filepath.Dir(kept), "build-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	log(fmt.Sprintf("building %s %s from its Go module, which takes minutes the first time", s.Name, s.Version))
	begin := time.Now()
	program := filepath.Join(work, s.Name)
	if err := s.compile(ctx, tool, work, program); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	log(fmt.Sprintf("built %s %s in %.0f s", s.Name, s.Version, time.Since(begin).Seconds()))
	return b, os.Rename(program, kept) // whole, so that nobody reads half of it
}

// compile makes a module of its own around the server's, and builds it.
func (s Server) compile(ctx context.Context, tool, work, program string) error {
	for name, text := range map[string]string{
		"go.mod":  "module server\n\nrequire " + s.Module + " " + s.Version + "\n",
		"main.go": s.Main,
	} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	c := exec.CommandContext(ctx, tool, "build", "-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program, ".")
	c.Dir = work
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH, "GOWORK=off")
	c.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, tail(out.String()))
	}
	return nil
}

// tail is the end of what a tool said.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], " | ")
}
