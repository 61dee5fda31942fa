//go:build linux

package netns

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/cluster"
)

// store gets programs that the host has not: Debian's packages are downloaded and unpacked into a folder of the
// user's cache. Nothing is installed, and no root is needed.
type store struct {
	cache  func() (string, error) // the folder
	host   func(name string) bool // says whether the nodes find a program on the host
	run    func(ctx context.Context, dir string, args ...string) (string, error)
	forbid bool // PARTITA_NO_INSTALL
}

func newStore() *store {
	no := os.Getenv("PARTITA_NO_INSTALL")
	return &store{host: onHost, run: runIn, forbid: no != "" && no != "0", cache: func() (string, error) {
		dir, err := os.UserCacheDir()
		return filepath.Join(dir, "partita", "programs"), err
	}}
}

// provide sees to it that the programs are there for the nodes. It gives the folder with those that were unpacked,
// which nodes see as programsDir, and "" when the host has all.
func (s *store) provide(ctx context.Context, programs []cluster.Program, log func(string)) (dir string, err error) {
	var names, packages []string
	for _, p := range programs {
		if !s.host(p.Name) {
			names, packages = append(names, p.Name), append(packages, p.Package)
		}
	}
	if len(names) == 0 {
		return "", nil
	}
	slices.Sort(packages)
	packages = slices.Compact(packages)
	failed := func(err error) (string, error) {
		return "", fmt.Errorf("find %s, which this machine has not: %w: as root `apt-get install %s`", strings.Join(names, ", "), err, strings.Join(packages, " "))
	}
	if s.forbid {
		return failed(errors.New("PARTITA_NO_INSTALL forbids to download packages"))
	}
	cache, err := s.cache()
	if err != nil {
		return failed(err)
	}
	key := sha256.Sum256([]byte(strings.Join(packages, " ")))
	dir = filepath.Join(cache, hex.EncodeToString(key[:8]))
	complete := func() bool {
		return !slices.ContainsFunc(names, func(n string) bool { _, err := os.Stat(filepath.Join(dir, "bin", n)); return err != nil })
	}
	if complete() {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return failed(err)
	}
	unlock, err := lockFile(dir + ".lock")
	if err != nil {
		return failed(err)
	}
	defer unlock()
	if complete() { // another controller did it meanwhile
		return dir, nil
	}
	log("unpacking " + strings.Join(packages, ", ") + " into " + dir + " (nothing is installed; PARTITA_NO_INSTALL=1 forbids it)")
	if err := s.unpack(ctx, cache, dir, packages); err != nil {
		return failed(err)
	}
	if !complete() {
		return failed(errors.New("the packages have not all of them"))
	}
	return dir, nil
}

// lockFile waits until nobody else unpacks.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, fmt.Errorf("wait for another controller that unpacks: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// unpack downloads packages, and those they depend on which the host has not, and makes dir of them.
func (s *store) unpack(ctx context.Context, cache, dir string, packages []string) error {
	work, err := os.MkdirTemp(cache, "work-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	var options []string
	plan, err := s.plan(ctx, work, options, packages)
	if err != nil {
		// The machine's own lists know them not, and only root may renew those: lists of our own are fetched.
		apt := filepath.Join(work, "apt")
		if err := errors.Join(os.MkdirAll(filepath.Join(apt, "lists", "partial"), 0o755), os.MkdirAll(filepath.Join(apt, "cache", "archives", "partial"), 0o755)); err != nil {
			return err
		}
		options = []string{"-o", "Dir::State::Lists=" + filepath.Join(apt, "lists"), "-o", "Dir::Cache=" + filepath.Join(apt, "cache"), "-o", "APT::Sandbox::User="}
		if _, e := s.run(ctx, work, slices.Concat([]string{"apt-get", "-q"}, options, []string{"update"})...); e != nil {
			return errors.Join(err, e)
		}
		if plan, err = s.plan(ctx, work, options, packages); err != nil {
			return err
		}
	}
	if _, err := s.run(ctx, work, slices.Concat([]string{"apt-get", "-q"}, options, []string{"download"}, plan)...); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) == 0 {
		return errors.New("apt-get download brought nothing")
	}
	made := filepath.Join(work, "made")
	if err := os.MkdirAll(filepath.Join(made, "root"), 0o755); err != nil {
		return err
	}
	for _, d := range debs {
		if _, err := s.run(ctx, work, "dpkg-deb", "-x", d, filepath.Join(made, "root")); err != nil {
			return err
		}
	}
	if err := wrap(made); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(made, dir)
}

// plan gives what has to be downloaded: the packages, and what apt would install with them.
func (s *store) plan(ctx context.Context, work string, options, packages []string) ([]string, error) {
	args := slices.Concat([]string{"apt-get", "-s", "-q", "-o", "Debug::NoLocking=1"}, options, []string{"install", "--no-install-recommends"}, packages)
	out, err := s.run(ctx, work, args...)
	if err != nil {
		return nil, err
	}
	plan := slices.Clone(packages)
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Inst" {
			plan = append(plan, f[1])
		}
	}
	slices.Sort(plan)
	return slices.Compact(plan), nil
}

// wrap makes dir/bin: for each program of dir/root a script that runs it with the libraries that were unpacked with it,
// as a node sees both. The node's own programs go on with the host's.
func wrap(dir string) error {
	root := filepath.Join(dir, "root")
	inNode := func(path string) string { return programsDir + strings.TrimPrefix(path, dir) }
	libs := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), ".so") {
			libs[inNode(filepath.Dir(path))] = true
		}
		return err
	})
	if err != nil {
		return err
	}
	var dirs []string
	for l := range libs {
		dirs = append(dirs, l)
	}
	slices.Sort(dirs)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	for _, from := range []string{"usr/bin", "usr/sbin", "bin", "sbin"} {
		entries, err := os.ReadDir(filepath.Join(root, from))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if cluster.CheckName("program", e.Name()) != nil {
				continue
			}
			text := "#!/bin/sh\n"
			if len(dirs) > 0 {
				text += "LD_LIBRARY_PATH=" + strings.Join(dirs, ":") + " "
			}
			text += "exec " + inNode(filepath.Join(root, from, e.Name())) + ` "$@"` + "\n"
			if err := os.WriteFile(filepath.Join(bin, e.Name()), []byte(text), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}

// onHost says whether the nodes find a program on the host.
func onHost(name string) bool {
	for _, dir := range strings.Split(systemPath, ":") {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func runIn(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		text := strings.Join(strings.Fields(string(out)), " ")
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, text[max(0, len(text)-300):])
	}
	return string(out), nil
}
