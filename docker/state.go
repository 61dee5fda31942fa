package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/partita-dev/partita/cluster"
)

// ErrInUse is the error when another controller has the cluster.
var ErrInUse = errors.New("the cluster is in use")

// stateDir is where clusters are remembered: $PARTITA_STATE, else the user's state folder.
func stateDir() (string, error) {
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

// record is what is kept of a cluster: what another process needs to log in to it. It holds the private key of
// this cluster alone, and is readable by its owner only.
type record struct {
	ID      string       `json:"id"`
	Target  string       `json:"target"`
	Image   string       `json:"image"` // its tag
	ImageID string       `json:"imageId"`
	Created time.Time    `json:"created"`
	Daemons []string     `json:"daemons,omitempty"`
	UserKey string       `json:"userKey"` // PEM
	Nodes   []nodeRecord `json:"nodes"`
}

type nodeRecord struct {
	Name    string `json:"name"`
	HostKey string `json:"hostKey"` // a line of authorized_keys
}

// folder is a cluster's place in the state folder.
func (p *Provider) folder(id string) string { return filepath.Join(p.state, "clusters", id) }

// save writes a cluster's record, through a temporary file.
func (p *Provider) save(r record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("remember cluster %s: %w", r.ID, err)
	}
	file := filepath.Join(p.folder(r.ID), "cluster.json")
	err = os.WriteFile(file+".tmp", append(b, '\n'), 0o600)
	if err == nil {
		err = os.Rename(file+".tmp", file)
	}
	if err != nil {
		return fmt.Errorf("remember cluster %s: %w", r.ID, err)
	}
	return nil
}

// load reads a cluster's record. What is missing there is an error that wraps fs.ErrNotExist.
func (p *Provider) load(id string) (record, error) {
	var r record
	b, err := os.ReadFile(filepath.Join(p.folder(id), "cluster.json"))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err == nil && (r.ID != id || len(r.Nodes) == 0) {
		err = errors.New("cluster.json is of another cluster or names no nodes")
	}
	for _, n := range r.Nodes {
		err = errors.Join(err, cluster.CheckName("node", n.Name))
	}
	if err != nil {
		return record{}, fmt.Errorf("read what is known of cluster %s: %w", id, err)
	}
	return r, nil
}

// lock is a controller's hold on a cluster: a lock on an open file, which ends with the process however it
// ends. The file says who has it.
type lock struct{ f *os.File }

// take locks a cluster for who; its folder is made. While another process (or another Provider of this one) has
// it, the error is ErrInUse and names that one.
func (p *Provider) take(id, who string) (*lock, error) {
	dir := p.folder(id)
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
		// Down removes the file while it has the lock: what was locked then is no longer the cluster's.
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
				return &lock{f}, nil
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

func (l *lock) free() error {
	if l == nil {
		return nil
	}
	return l.f.Close()
}
