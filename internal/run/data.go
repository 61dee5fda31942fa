package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/cluster"
	"github.com/partita-dev/partita/internal/store"
)

const (
	dataMost = 512 << 10 // KiB of a node's data folder that are kept at most
	dataFor  = 2 * time.Minute
)

// collectData keeps each node's data folder as it is at the end, core dumps in it too; judge throws it away again when
// the run is valid. It is a help for whoever looks for the cause, so that what cannot be kept is only noted.
func (r *runner) collectData() {
	ctx, cancel := context.WithTimeout(context.Background(), dataFor)
	defer cancel()
	if err := eachNode(ctx, r.cluster, r.collectNode); err != nil {
		r.log.Warn("data folders are not all kept", "error", err)
	}
}

func (r *runner) collectNode(ctx context.Context, n cluster.Node) (err error) {
	ex, runs := n.(cluster.Executor)
	files, reads := n.(cluster.Files)
	if !runs || !reads {
		return nil
	}
	out, err := ex.Exec(ctx, cluster.Cmd{Args: []string{"du", "-sk", n.Dir()}})
	if err != nil {
		return err
	}
	size, _, _ := strings.Cut(string(out.Stdout), "\t")
	if kib, err := strconv.Atoi(size); err != nil || kib > dataMost {
		return fmt.Errorf("%s: %s has %s KiB: more than %d are not kept", n.Name(), n.Dir(), size, dataMost)
	}
	// Beside the folder, not in it; the name is this run's, so that a cluster that stays up has it to itself.
	archive := filepath.Join(filepath.Dir(n.Dir()), "partita-"+r.meta.RunID+".tar.gz")
	defer func() {
		_, rm := ex.Exec(ctx, cluster.Cmd{Args: []string{"rm", "-f", archive}})
		err = errors.Join(err, rm)
	}()
	var exit *cluster.ExitError
	_, err = ex.Exec(ctx, cluster.Cmd{Args: []string{"tar", "-czf", archive, "-C", n.Dir(), "."}})
	if err != nil && (!errors.As(err, &exit) || exit.Status != 1) { // 1: a file changed meanwhile, as those of a running database do
		return err
	}
	if err := r.dir.Root().MkdirAll(store.DataDir, 0o755); err != nil {
		return err
	}
	f, err := r.dir.Root().OpenFile(filepath.Join(store.DataDir, n.Name()+".tar.gz"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(files.Get(ctx, archive, f, 0), f.Close())
}
