package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrInUse is the error when another controller has the cluster.
var ErrInUse = errors.New("the cluster is in use")

// StateDir is where providers remember clusters: $PARTITA_STATE, else partita in the user's state folder.
func StateDir() (string, error) {
	if d := os.Getenv("PARTITA_STATE"); d != "" {
		return filepath.Abs(d)
	}
	if d := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "partita"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the state of clusters: %w: set PARTITA_STATE", err)
	}
	return filepath.Join(home, ".local", "state", "partita"), nil
}

// Lock is a controller's hold on a cluster: a lock on an open file, which ends with the process however it
// ends. The file says who has it.
type Lock struct{ f *os.File }

// TakeLock locks the cluster id, whose folder is dir, for who; the folder is made. While another process (or
// another part of this one) has it, the error is ErrInUse and names that one.
func TakeLock(dir, id, who string) (*Lock, error) {
	for {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the folder of cluster %s: %w", id, err)
		}
		path := filepath.Join(dir, "lock")
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody removed the folder just now
		} else if err != nil {
			return nil, fmt.Errorf("lock cluster %s: %w", id, err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			holder := holderOf(f)
			_ = f.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, fmt.Errorf("lock cluster %s: %w by %s: wait for its end, or take another cluster", id, ErrInUse, holder)
			}
			return nil, fmt.Errorf("lock cluster %s: %w", id, err)
		}
		// Who removes a cluster removes the file while it has the lock: what was locked then is no longer the cluster's.
		if a, err := f.Stat(); err == nil {
			if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
				err := f.Truncate(0)
				if err == nil {
					_, err = f.WriteAt([]byte(who), 0)
				}
				if err != nil {
					_ = f.Close()
					return nil, fmt.Errorf("lock cluster %s: %w", id, err)
				}
				return &Lock{f}, nil
			}
		}
		_ = f.Close()
	}
}

func holderOf(f *os.File) string {
	b := make([]byte, 512)
	n, _ := f.ReadAt(b, 0) // the end of a short file comes as an error
	if s := strings.TrimSpace(string(b[:n])); s != "" {
		return s
	}
	return "a controller that has not said its name yet"
}

// Free lets go; nil is no lock.
func (l *Lock) Free() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}
