//go:build linux

package netns

import (
	"fmt"
	"io"
)

// Command is the hidden first word of the command line under which the hub and the nodes are this binary again.
const Command = "netns"

// Main is the subcommand Command; args is what follows that word. It gives the exit status.
func Main(args []string, stdin io.Reader, stderr io.Writer) int {
	roles := map[string]func(io.Reader) error{"hub": hubMain, "node": nodeMain, "try": tryMain}
	if len(args) != 1 || roles[args[0]] == nil {
		_, _ = fmt.Fprintf(stderr, "partita %s: this is for Partita itself, which makes nodes of it\n", Command)
		return 254
	}
	if err := roles[args[0]](stdin); err != nil {
		_, _ = fmt.Fprintf(stderr, "partita %s %s: %v\n", Command, args[0], err)
		return 3
	}
	return 0
}
