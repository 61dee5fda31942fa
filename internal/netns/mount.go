//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func mountProc() error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w: inside a container some of /proc is hidden, and then an ordinary user may not", err)
	}
	return nil
}

func mountTmp(path, mode string) error {
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode="+mode); err != nil {
		return fmt.Errorf("mount a file system of its own on %s: %w", path, err)
	}
	return nil
}

// ownFiles gives the node its own part of the file system. What it needs of the host's is opened first: the new file
// systems may hide it.
func ownFiles(cfg nodeConfig) error {
	if err := mountProc(); err != nil {
		return err
	}
	// It only shows the node's own interfaces, which nothing of ours reads; a machine may forbid it.
	_ = unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	binds := []struct {
		from, to string
		file     bool
	}{
		{cfg.Data, dataDir, false},
		{cfg.Binary, filepath.Join(agentDir, "partita"), true},
		{cfg.Programs, programsDir, false},
	}
	opened := make([]int, len(binds))
	for i, b := range binds {
		if b.from == "" {
			continue
		}
		fd, err := unix.Open(b.from, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", b.from, err)
		}
		defer func() { _ = unix.Close(fd) }()
		opened[i] = fd
	}
	for _, t := range []struct{ path, mode string }{{"/run", "755"}, {"/tmp", "1777"}, {"/root", "700"}} {
		if err := mountTmp(t.path, t.mode); err != nil {
			return err
		}
	}
	for _, d := range []string{"/run/lock", agentDir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	for i, b := range binds {
		if b.from == "" {
			continue
		}
		if err := bind(opened[i], b.to, b.file); err != nil {
			return err
		}
	}
	hosts := "/run/hosts"
	if err := os.WriteFile(hosts, []byte(cfg.Hosts), 0o644); err != nil {
		return err
	}
	err := unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, "")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a host without the file resolves no names at all
		return fmt.Errorf("give it an /etc/hosts of its own: %w", err)
	}
	return nil
}

// bind shows what fd is at a new path.
func bind(fd int, to string, file bool) error {
	var err error
	if file {
		err = os.WriteFile(to, nil, 0o755)
	} else {
		err = os.Mkdir(to, 0o755)
	}
	if err == nil {
		err = unix.Mount(fmt.Sprintf("/proc/self/fd/%d", fd), to, "", unix.MS_BIND|unix.MS_REC, "")
	}
	if err != nil {
		return fmt.Errorf("show %s in the node: %w", to, err)
	}
	return nil
}
