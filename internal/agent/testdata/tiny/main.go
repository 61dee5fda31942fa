// Command tiny is an agent and nothing else: what the tests build, copy and start.
package main

import (
	"os"

	"github.com/partita-dev/partita/internal/agent"
)

func main() { os.Exit(agent.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr)) }
