package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/remote"
)

// ErrInUse is the error when another controller has the cluster.
var ErrInUse = remote.ErrInUse

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

// take locks a cluster for who; its folder is made. While another process (or another Provider of this one) has
// it, the error is ErrInUse and names that one.
func (p *Provider) take(id, who string) (*remote.Lock, error) {
	return remote.TakeLock(p.folder(id), id, who)
}
