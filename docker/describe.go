package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/partita-dev/partita/cluster"
)

// Description is what `cluster ls` and a run's meta.json say of a cluster.
type Description struct {
	ID      string    `json:"id"`
	Target  string    `json:"target"`
	Image   string    `json:"image,omitempty"`   // its tag
	ImageID string    `json:"imageId,omitempty"` // its digest
	Created time.Time `json:"created,omitzero"`
	Nodes   []string  `json:"nodes"` // "n1 running", "n2 exited"
	Daemons []string  `json:"daemons,omitempty"`
	InUse   string    `json:"inUse,omitempty"` // who has it
	Lost    string    `json:"lost,omitempty"`  // why it cannot be logged in to
}

// Describe says what a cluster is, also one that cannot be logged in to.
func (p *Provider) Describe(ctx context.Context, id string) (Description, error) {
	d := Description{ID: id}
	if err := cluster.CheckName("cluster", id); err != nil {
		return d, err
	}
	list, err := p.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: labelled(labelCluster, id)})
	if err != nil {
		return d, fmt.Errorf("list the containers of cluster %s: %w", id, err)
	}
	for _, c := range list.Items {
		d.Nodes = append(d.Nodes, c.Labels[labelNode]+" "+string(c.State))
		d.Target, d.Image, d.ImageID, d.Created = c.Labels[labelTarget], c.Image, c.ImageID, time.Unix(c.Created, 0).UTC()
	}
	slices.Sort(d.Nodes)
	rec, err := p.load(id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.Lost = "its keys are not in " + p.state
		return d, nil
	case err != nil:
		d.Lost = err.Error()
		return d, nil
	}
	d.Target, d.Image, d.ImageID, d.Created, d.Daemons = rec.Target, rec.Image, rec.ImageID, rec.Created, rec.Daemons
	l, err := p.take(id, p.who)
	if err == nil {
		err = l.Free()
	}
	if errors.Is(err, ErrInUse) {
		_, by, _ := strings.Cut(err.Error(), ErrInUse.Error()+" by ")
		d.InUse, _, _ = strings.Cut(by, ": wait for")
		err = nil
	}
	return d, err
}

// ImageID is the digest of the image that a cluster's nodes run; "" for a cluster this Provider is not connected to.
func (p *Provider) ImageID(c *cluster.Cluster) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.holds[c]; h != nil {
		return h.rec.ImageID
	}
	return ""
}
