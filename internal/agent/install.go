package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/partita-dev/partita/cluster"
)

// Host is what the agent needs of a way to a node.
type Host interface {
	// Exec runs a command to its end.
	Exec(ctx context.Context, cmd cluster.Cmd) (cluster.Output, error)
	// Put writes a file through a temporary one beside it, making its folder.
	Put(ctx context.Context, path string, r io.Reader, mode fs.FileMode) error
	// Pipe starts a command and gives its stdin and stdout; closing ends it. It lives no longer than ctx.
	Pipe(ctx context.Context, args []string) (io.ReadWriteCloser, error)
}

// Install puts Partita's static binary into dir on the node, unless it is there already, and starts the agent,
// unless it runs already. An older agent is replaced, if nobody holds the node.
func Install(ctx context.Context, host Host, node, dir string) error {
	local, err := Binary(ctx)
	if err != nil {
		return err
	}
	sum, err := Sum(local)
	if err != nil {
		return err
	}
	path := binaryPath(dir)
	// An error says that it is not there; if the node is what is wrong, the next step says so better.
	out, err := host.Exec(ctx, cluster.Cmd{Args: []string{"sha256sum", path}})
	if err != nil || !strings.HasPrefix(string(out.Stdout), sum) {
		f, err := os.Open(local)
		if err != nil {
			return fmt.Errorf("open the agent's binary: %w", err)
		}
		defer func() { _ = f.Close() }()
		if err := host.Put(ctx, path, f, 0o755); err != nil {
			return fmt.Errorf("%s: copy the agent: %w", node, err)
		}
	}
	return Start(ctx, host, node, dir, sum)
}

// Sum is the sha256 of a binary, in hexadecimal digits.
func Sum(binary string) (string, error) {
	f, err := os.Open(binary)
	if err != nil {
		return "", fmt.Errorf("open the agent's binary: %w", err)
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read the agent's binary: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Start starts the agent whose binary, of that sum, is in dir on the node already, unless it runs already. An older
// agent is replaced, if nobody holds the node.
func Start(ctx context.Context, host Host, node, dir, sum string) error {
	if _, err := host.Exec(ctx, cluster.Cmd{Args: []string{binaryPath(dir), "agent", "start", "--dir", dir, "--name", node, "--sum", sum}}); err != nil {
		return fmt.Errorf("%s: start the agent: %w", node, err)
	}
	return nil
}
