//go:build !linux

package netns

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/partita-dev/partita/cluster"
)

// Command is the hidden first word of the command line under which the hub and the nodes are this binary again.
const Command = "netns"

// ErrCannot is the error when this machine does not let namespaces be made.
var ErrCannot = errors.New("network namespaces cannot be made here: only Linux has them")

// Options change what a Provider does by itself.
type Options struct{ State string }

// Check gives ErrCannot.
func Check(context.Context) error { return ErrCannot }

// New gives ErrCannot.
func New(Options) (cluster.Provider, error) { return nil, ErrCannot }

// Main refuses.
func Main(_ []string, _ io.Reader, stderr io.Writer) int {
	_, _ = fmt.Fprintln(stderr, "partita:", ErrCannot)
	return 3
}
