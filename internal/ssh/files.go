package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"time"

	"github.com/partita-dev/partita/cluster"
)

// The scripts are constants and their arguments are positional, so nothing is pasted into a line.
const (
	putScript  = `mkdir -p -- "$1" && umask 077 && exec cat >"$2"`
	moveScript = `chmod -- "$1" "$2" && mv -fT -- "$2" "$3"`
)

// Put writes a file: into a temporary one beside it, which takes its name only when all of r has arrived.
// It makes the folder.
func (c *Client) Put(ctx context.Context, file string, r io.Reader, mode fs.FileMode) error {
	if file == "" || file[len(file)-1] == '/' {
		return fmt.Errorf("%s: write a file: bad path %q", c.node, file)
	}
	tmp := path.Join(path.Dir(file), "."+path.Base(file)+"."+rand.Text()[:8]+".tmp")
	_, err := c.Exec(ctx, cluster.Cmd{Args: []string{"sh", "-c", putScript, "put", path.Dir(file), tmp}, Stdin: r})
	if err == nil {
		perm := fmt.Sprintf("%04o", mode.Perm())
		_, err = c.Exec(ctx, cluster.Cmd{Args: []string{"sh", "-c", moveScript, "put", perm, tmp, file}})
	}
	if err == nil {
		return nil
	}
	// The half file goes away also when ctx is over.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, e := c.Exec(clean, cluster.Cmd{Args: []string{"rm", "-f", "--", tmp}}); e != nil && !c.lost() {
		err = errors.Join(err, e)
	}
	return fmt.Errorf("write %s: %w", file, err)
}

// Get copies a file to w, or the last limit bytes of it when limit > 0.
func (c *Client) Get(ctx context.Context, file string, w io.Writer, limit int64) error {
	args := []string{"cat", "--", file}
	if limit > 0 {
		args = []string{"tail", "-c", strconv.FormatInt(limit, 10), "--", file}
	}
	if err := c.run(ctx, args, nil, w, &tail{limit: 4 << 10}); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}
