//go:build linux

package netns

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

// record is what is kept of a cluster: what another process needs to log in to it. It holds the private key of
// this cluster alone, and is readable by its owner only.
type record struct {
	ID      string       `json:"id"`
	Target  string       `json:"target"`
	Created time.Time    `json:"created"`
	Daemons []string     `json:"daemons,omitempty"`
	UserKey string       `json:"userKey"` // PEM
	Agent   string       `json:"agent"`   // the sum of the binary that its nodes have
	Nodes   []nodeRecord `json:"nodes"`
}

type nodeRecord struct {
	Name    string `json:"name"`
	HostKey string `json:"hostKey"` // a line of authorized_keys
}

// clusters is the folder of all clusters of this kind, and folder the one of a cluster.
func (p *Provider) clusters() string        { return filepath.Join(p.state, "netns") }
func (p *Provider) folder(id string) string { return filepath.Join(p.clusters(), id) }

func (p *Provider) take(id string) (*remote.Lock, error) {
	return remote.TakeLock(p.folder(id), id, p.who)
}

func (p *Provider) save(r record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(p.folder(r.ID), "cluster.json"), append(b, '\n'), 0o600)
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
	if err == nil && (r.ID != id || len(r.Nodes) == 0 || len(r.Nodes) > maxNodes) {
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

// ids lists the clusters of which a folder is here.
func (p *Provider) ids() ([]string, error) {
	entries, err := os.ReadDir(p.clusters())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the clusters: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && cluster.CheckName("cluster", e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}
